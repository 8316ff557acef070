-- Every statement that a request sends to PostgreSQL, as it is prepared.
-- Written by `python -m tests.docs.statements`; a test compares it with the code.
--
-- A request is one batch in one transaction. Each statement finds its rows by tutorial and learner,
-- so the EXECUTEs of a batch travel in one round trip. In psql, each statement can follow EXPLAIN
-- after its parameters are replaced.

-- ==== GET /<tutorialId>

-- Read the stored counts and both lists, if the counts are those of today's outline.
-- $1 of_user, $2 of_tutorial
SELECT asked.tutorial_id AS tutorial_id, asked.user_id AS user_id, coalesce(tutorial_progress.completion_percentage, 0) AS completion_percentage, coalesce(tutorial_progress.chapters_completed, 0) AS chapters_completed, coalesce(tutorial_progress.total_chapters, 0) AS total_chapters, (SELECT coalesce(json_agg(json_build_array(chapter_progress.chapter_id, coalesce(chapter_progress.watch_time, 0), coalesce(chapter_progress.completed, false), coalesce(chapter_progress.last_position, 0)) ORDER BY chapter_progress.created_at, chapter_progress.chapter_id), '[]'::json) AS coalesce_1
FROM chapter_progress
WHERE chapter_progress.progress_id = tutorial_progress.id AND chapter_progress.user_id = $1::VARCHAR) AS chapters, (SELECT coalesce(json_agg(json_build_array(quiz_scores.quiz_id, quiz_scores.score, quiz_scores.max_score, quiz_scores.passed, coalesce(quiz_scores.attempts, 1), quiz_scores.completed_at) ORDER BY quiz_scores.created_at, quiz_scores.quiz_id), '[]'::json) AS coalesce_2
FROM quiz_scores
WHERE quiz_scores.progress_id = tutorial_progress.id AND quiz_scores.user_id = $1::VARCHAR) AS quizzes, coalesce(tutorial_progress.certificate_eligible, false) AS certificate_eligible, coalesce(tutorial_progress.certificate_earned, false) AS certificate_earned, coalesce(tutorial_progress.total_watch_time, 0) AS total_watch_time, tutorial_progress.last_watched_at AS last_watched_at
FROM (SELECT $2::VARCHAR AS tutorial_id, $1::VARCHAR AS user_id) AS asked LEFT OUTER JOIN tutorial_progress ON tutorial_progress.tutorial_id = $2::VARCHAR AND tutorial_progress.user_id = $1::VARCHAR LEFT OUTER JOIN tutorial_outlines ON tutorial_outlines.tutorial_id = $2::VARCHAR
WHERE tutorial_progress.outline_updated_at IS NOT DISTINCT FROM tutorial_outlines.updated_at AND (tutorial_outlines.updated_at IS NULL OR coalesce(tutorial_progress.counted_at = tutorial_progress.updated_at, false));

-- ==== GET /<tutorialId>, if there was no row

-- Count in one snapshot, so that the counts, the lists and the outline agree.
-- $1 of_tutorial, $2 of_user
SELECT asked.tutorial_id AS tutorial_id, asked.user_id AS user_id, coalesce(CASE WHEN (tutorial_progress.outline_updated_at IS NOT DISTINCT FROM outline.updated_at AND (outline.updated_at IS NULL OR coalesce(tutorial_progress.counted_at = tutorial_progress.updated_at, false))) THEN tutorial_progress.completion_percentage ELSE CAST(CASE WHEN coalesce(tutorial_progress.certificate_earned, false) THEN 100 ELSE least(coalesce((chapters.completed * 100) / nullif(coalesce(cardinality(outline.chapter_ids), greatest(coalesce(tutorial_progress.total_chapters, 0), 0)), 0), 0), 100) END AS INTEGER) END, 0) AS completion_percentage, coalesce(CASE WHEN (tutorial_progress.outline_updated_at IS NOT DISTINCT FROM outline.updated_at AND (outline.updated_at IS NULL OR coalesce(tutorial_progress.counted_at = tutorial_progress.updated_at, false))) THEN tutorial_progress.chapters_completed ELSE chapters.completed END, 0) AS chapters_completed, coalesce(CASE WHEN (tutorial_progress.outline_updated_at IS NOT DISTINCT FROM outline.updated_at AND (outline.updated_at IS NULL OR coalesce(tutorial_progress.counted_at = tutorial_progress.updated_at, false))) THEN tutorial_progress.total_chapters ELSE coalesce(cardinality(outline.chapter_ids), greatest(coalesce(tutorial_progress.total_chapters, 0), 0)) END, 0) AS total_chapters, chapters.listed AS chapters, quizzes.listed AS quizzes, coalesce(CASE WHEN (tutorial_progress.outline_updated_at IS NOT DISTINCT FROM outline.updated_at AND (outline.updated_at IS NULL OR coalesce(tutorial_progress.counted_at = tutorial_progress.updated_at, false))) THEN tutorial_progress.certificate_eligible ELSE CAST(CASE WHEN coalesce(tutorial_progress.certificate_earned, false) THEN 100 ELSE least(coalesce((chapters.completed * 100) / nullif(coalesce(cardinality(outline.chapter_ids), greatest(coalesce(tutorial_progress.total_chapters, 0), 0)), 0), 0), 100) END AS INTEGER) >= coalesce(outline.certificate_percentage, 95) AND quizzes.passed = coalesce(cardinality(outline.quiz_ids), quizzes.recorded) END, false) AS certificate_eligible, coalesce(tutorial_progress.certificate_earned, false) AS certificate_earned, coalesce(tutorial_progress.total_watch_time, 0) AS total_watch_time, tutorial_progress.last_watched_at AS last_watched_at
FROM (SELECT $1::VARCHAR AS tutorial_id, $2::VARCHAR AS user_id) AS asked LEFT OUTER JOIN tutorial_progress ON tutorial_progress.tutorial_id = $1::VARCHAR AND tutorial_progress.user_id = $2::VARCHAR LEFT OUTER JOIN LATERAL (SELECT tutorial_outlines.tutorial_id AS tutorial_id, tutorial_outlines.title AS title, tutorial_outlines.certificate_percentage AS certificate_percentage, tutorial_outlines.chapter_ids AS chapter_ids, tutorial_outlines.quiz_ids AS quiz_ids, tutorial_outlines.updated_at AS updated_at, jsonb_object(CAST(tutorial_outlines.chapter_ids AS TEXT[]), CAST(tutorial_outlines.chapter_ids AS TEXT[])) AS chapters, jsonb_object(CAST(tutorial_outlines.quiz_ids AS TEXT[]), CAST(tutorial_outlines.quiz_ids AS TEXT[])) AS quizzes
FROM tutorial_outlines
WHERE tutorial_outlines.tutorial_id = $1::VARCHAR
 LIMIT ALL OFFSET 0) AS outline ON true JOIN LATERAL (SELECT count(*) FILTER (WHERE chapter_progress.completed AND (outline.chapters IS NULL OR jsonb_exists(outline.chapters, chapter_progress.chapter_id))) AS completed, coalesce(sum(chapter_progress.watch_time), 0) AS watch_time, max(chapter_progress.updated_at) AS latest, nullif(max(coalesce(chapter_progress.recorded_at, chapter_progress.updated_at, '-infinity'::timestamp)), '-infinity'::timestamp) AS watched, coalesce(json_agg(json_build_array(chapter_progress.chapter_id, coalesce(chapter_progress.watch_time, 0), coalesce(chapter_progress.completed, false), coalesce(chapter_progress.last_position, 0)) ORDER BY chapter_progress.created_at, chapter_progress.chapter_id), '[]'::json) AS listed
FROM chapter_progress
WHERE chapter_progress.progress_id = tutorial_progress.id AND chapter_progress.user_id = $2::VARCHAR) AS chapters ON true JOIN LATERAL (SELECT count(*) AS recorded, count(*) FILTER (WHERE quiz_scores.passed AND (outline.quizzes IS NULL OR jsonb_exists(outline.quizzes, quiz_scores.quiz_id))) AS passed, max(quiz_scores.updated_at) AS latest, max(quiz_scores.completed_at) AS watched, coalesce(json_agg(json_build_array(quiz_scores.quiz_id, quiz_scores.score, quiz_scores.max_score, quiz_scores.passed, coalesce(quiz_scores.attempts, 1), quiz_scores.completed_at) ORDER BY quiz_scores.created_at, quiz_scores.quiz_id), '[]'::json) AS listed
FROM quiz_scores
WHERE quiz_scores.progress_id = tutorial_progress.id AND quiz_scores.user_id = $2::VARCHAR) AS quizzes ON true;

-- ==== POST /<tutorialId>/chapter

-- Take the learner's row, and create it if it is missing. On a conflict the row is locked but not
-- updated, so concurrent writers queue here and no dead row is left.
-- $1 of_tutorial, $2 of_user
INSERT INTO tutorial_progress (tutorial_id, user_id, created_at, updated_at) VALUES ($1::VARCHAR, $2::VARCHAR, timezone('UTC', now()), timezone('UTC', now())) ON CONFLICT (tutorial_id, user_id) DO UPDATE SET updated_at = excluded.updated_at WHERE false;

-- Record the chapter, unless the learner has as many chapters as the limit allows.
-- $1 new_id, $2 of_user, $3 of_chapter, $4 watch_time, $5 completed, $6 last_position, $7 at, $8 step, $9 of_tutorial, $10 limit, $11 sticky
INSERT INTO chapter_progress (id, user_id, progress_id, chapter_id, watch_time, completed, last_position, recorded_at, completed_recorded_at, created_at, updated_at) SELECT $1::UUID AS anon_1, $2::VARCHAR AS anon_2, tutorial_progress.id, $3::VARCHAR AS anon_3, $4::INTEGER AS anon_4, coalesce($5::BOOLEAN, false) AS coalesce_1, $6::INTEGER AS anon_5, least($7::TIMESTAMP WITHOUT TIME ZONE, greatest(timezone('UTC', now()), tutorial_progress.updated_at + interval '1 microsecond') + $8::INTEGER * interval '1 microsecond') AS least_1, least(least($7::TIMESTAMP WITHOUT TIME ZONE, greatest(timezone('UTC', now()), tutorial_progress.updated_at + interval '1 microsecond') + $8::INTEGER * interval '1 microsecond'), CASE WHEN ($5::BOOLEAN IS NOT NULL) THEN 'infinity'::timestamp ELSE '-infinity'::timestamp END) AS least_2, greatest(timezone('UTC', now()), tutorial_progress.updated_at + interval '1 microsecond') + $8::INTEGER * interval '1 microsecond' AS anon_6, greatest(timezone('UTC', now()), tutorial_progress.updated_at + interval '1 microsecond') + $8::INTEGER * interval '1 microsecond' AS anon__1
FROM tutorial_progress
WHERE tutorial_progress.tutorial_id = $9::VARCHAR AND tutorial_progress.user_id = $2::VARCHAR AND ((SELECT true
FROM chapter_progress
WHERE chapter_progress.progress_id = tutorial_progress.id AND chapter_progress.user_id = $2::VARCHAR AND chapter_progress.chapter_id = $3::VARCHAR) OR (SELECT count(*) AS count_1
FROM chapter_progress
WHERE chapter_progress.progress_id = tutorial_progress.id AND chapter_progress.user_id = $2::VARCHAR) < $10::INTEGER) ON CONFLICT ON CONSTRAINT chapter_progress_progress_id_chapter_id_key DO UPDATE SET watch_time = greatest(chapter_progress.watch_time, excluded.watch_time), completed = (CASE WHEN (coalesce(excluded.completed_recorded_at, excluded.updated_at, '-infinity'::timestamp) > coalesce(chapter_progress.completed_recorded_at, chapter_progress.updated_at, '-infinity'::timestamp)) THEN excluded.completed ELSE coalesce(chapter_progress.completed, false) END OR $11::BOOLEAN AND coalesce(chapter_progress.completed, false)), last_position = CASE WHEN (coalesce(excluded.recorded_at, excluded.updated_at, '-infinity'::timestamp) > coalesce(chapter_progress.recorded_at, chapter_progress.updated_at, '-infinity'::timestamp)) THEN excluded.last_position ELSE chapter_progress.last_position END, updated_at = excluded.updated_at, recorded_at = greatest(coalesce(chapter_progress.recorded_at, chapter_progress.updated_at, '-infinity'::timestamp), excluded.recorded_at), completed_recorded_at = greatest(coalesce(chapter_progress.completed_recorded_at, chapter_progress.updated_at, '-infinity'::timestamp), excluded.completed_recorded_at);

-- Count what is below the row, under its lock, and return the progress. It is a later statement
-- than the one that waited for the lock, so it sees what the writer before it committed.
-- $1 total_chapters, $2 of_chapter, $3 of_tutorial, $4 of_user
UPDATE tutorial_progress SET completion_percentage=CAST(CASE WHEN coalesce(tutorial_progress.certificate_earned, false) THEN 100 ELSE least(coalesce((current.chapters_completed * 100) / nullif(coalesce(current.outline_chapters, greatest(coalesce(tutorial_progress.total_chapters, 0), $1::INTEGER)), 0), 0), 100) END AS INTEGER), chapters_completed=current.chapters_completed, total_chapters=coalesce(current.outline_chapters, greatest(coalesce(tutorial_progress.total_chapters, 0), $1::INTEGER)), certificate_eligible=(CAST(CASE WHEN coalesce(tutorial_progress.certificate_earned, false) THEN 100 ELSE least(coalesce((current.chapters_completed * 100) / nullif(coalesce(current.outline_chapters, greatest(coalesce(tutorial_progress.total_chapters, 0), $1::INTEGER)), 0), 0), 100) END AS INTEGER) >= coalesce(current.outline_percentage, 95) AND current.quizzes_passed = coalesce(current.outline_quizzes, current.quizzes_recorded)), total_watch_time=CAST(least(current.watch_time, 2147483647) AS INTEGER), last_watched_at=greatest(tutorial_progress.last_watched_at, current.watched), updated_at=greatest(tutorial_progress.updated_at, current.latest), last_chapter_id=$2::VARCHAR, counted_at=greatest(tutorial_progress.updated_at, current.latest), outline_updated_at=current.outline_updated_at FROM (SELECT stored.id AS id, stored.updated_at AS updated_at, coalesce(stored.certificate_earned, false) AS was_earned, CASE WHEN (stored.outline_updated_at IS NOT DISTINCT FROM outline.updated_at AND (outline.updated_at IS NULL OR coalesce(stored.counted_at = stored.updated_at, false))) THEN coalesce(stored.chapters_completed, 0) ELSE chapters.completed END AS completed_before, chapters.completed AS chapters_completed, quizzes.recorded AS quizzes_recorded, quizzes.passed AS quizzes_passed, cardinality(outline.chapter_ids) AS outline_chapters, cardinality(outline.quiz_ids) AS outline_quizzes, outline.certificate_percentage AS outline_percentage, outline.chapter_ids AS outline_chapter_ids, outline.quiz_ids AS outline_quiz_ids, outline.updated_at AS outline_updated_at, chapters.watch_time AS watch_time, greatest(chapters.latest, quizzes.latest) AS latest, greatest(chapters.watched, quizzes.watched) AS watched, chapters.listed AS chapters, quizzes.listed AS quizzes
FROM tutorial_progress AS stored LEFT OUTER JOIN LATERAL (SELECT tutorial_outlines.tutorial_id AS tutorial_id, tutorial_outlines.title AS title, tutorial_outlines.certificate_percentage AS certificate_percentage, tutorial_outlines.chapter_ids AS chapter_ids, tutorial_outlines.quiz_ids AS quiz_ids, tutorial_outlines.updated_at AS updated_at, jsonb_object(CAST(tutorial_outlines.chapter_ids AS TEXT[]), CAST(tutorial_outlines.chapter_ids AS TEXT[])) AS chapters, jsonb_object(CAST(tutorial_outlines.quiz_ids AS TEXT[]), CAST(tutorial_outlines.quiz_ids AS TEXT[])) AS quizzes
FROM tutorial_outlines
WHERE tutorial_outlines.tutorial_id = $3::VARCHAR
 LIMIT ALL OFFSET 0) AS outline ON true JOIN LATERAL (SELECT count(*) FILTER (WHERE chapter_progress.completed AND (outline.chapters IS NULL OR jsonb_exists(outline.chapters, chapter_progress.chapter_id))) AS completed, coalesce(sum(chapter_progress.watch_time), 0) AS watch_time, max(chapter_progress.updated_at) AS latest, nullif(max(coalesce(chapter_progress.recorded_at, chapter_progress.updated_at, '-infinity'::timestamp)), '-infinity'::timestamp) AS watched, coalesce(json_agg(json_build_array(chapter_progress.chapter_id, coalesce(chapter_progress.watch_time, 0), coalesce(chapter_progress.completed, false), coalesce(chapter_progress.last_position, 0)) ORDER BY chapter_progress.created_at, chapter_progress.chapter_id), '[]'::json) AS listed
FROM chapter_progress
WHERE chapter_progress.progress_id = stored.id AND chapter_progress.user_id = $4::VARCHAR) AS chapters ON true JOIN LATERAL (SELECT count(*) AS recorded, count(*) FILTER (WHERE quiz_scores.passed AND (outline.quizzes IS NULL OR jsonb_exists(outline.quizzes, quiz_scores.quiz_id))) AS passed, max(quiz_scores.updated_at) AS latest, max(quiz_scores.completed_at) AS watched, coalesce(json_agg(json_build_array(quiz_scores.quiz_id, quiz_scores.score, quiz_scores.max_score, quiz_scores.passed, coalesce(quiz_scores.attempts, 1), quiz_scores.completed_at) ORDER BY quiz_scores.created_at, quiz_scores.quiz_id), '[]'::json) AS listed
FROM quiz_scores
WHERE quiz_scores.progress_id = stored.id AND quiz_scores.user_id = $4::VARCHAR) AS quizzes ON true
WHERE stored.tutorial_id = $3::VARCHAR AND stored.user_id = $4::VARCHAR) AS current WHERE tutorial_progress.tutorial_id = $3::VARCHAR AND tutorial_progress.user_id = $4::VARCHAR AND tutorial_progress.id = current.id AND (SELECT true
FROM chapter_progress
WHERE chapter_progress.progress_id = tutorial_progress.id AND chapter_progress.user_id = $4::VARCHAR AND chapter_progress.chapter_id = $2::VARCHAR) RETURNING tutorial_progress.tutorial_id AS tutorial_id, tutorial_progress.user_id AS user_id, coalesce(tutorial_progress.completion_percentage, 0) AS completion_percentage, coalesce(tutorial_progress.chapters_completed, 0) AS chapters_completed, coalesce(tutorial_progress.total_chapters, 0) AS total_chapters, current.chapters AS chapters, current.quizzes AS quizzes, coalesce(tutorial_progress.certificate_eligible, false) AS certificate_eligible, coalesce(tutorial_progress.certificate_earned, false) AS certificate_earned, coalesce(tutorial_progress.total_watch_time, 0) AS total_watch_time, tutorial_progress.last_watched_at AS last_watched_at, tutorial_progress.updated_at IS DISTINCT FROM current.updated_at AS is_recorded, greatest(coalesce(tutorial_progress.chapters_completed, 0) - current.completed_before, 0) AS newly_completed, tutorial_progress.certificate_earned AND NOT current.was_earned AS newly_earned;

-- ==== POST /<tutorialId>/quiz

-- Take the learner's row, and create it if it is missing. On a conflict the row is locked but not
-- updated, so concurrent writers queue here and no dead row is left. See POST
-- /<tutorialId>/chapter.

-- Record the attempt, unless its key is known or the limit of quizzes is reached.
-- $1 new_id, $2 of_user, $3 of_quiz, $4 score, $5 max_score, $6 passed, $7 at, $8 step, $9 of_tutorial, $10 limit, $11 attempt_keys
INSERT INTO quiz_scores (id, user_id, progress_id, quiz_id, score, max_score, passed, completed_at, created_at, updated_at) SELECT $1::UUID AS anon_1, $2::VARCHAR AS anon_2, tutorial_progress.id, $3::VARCHAR AS anon_3, $4::INTEGER AS anon_4, $5::INTEGER AS anon_5, $6::BOOLEAN AS anon_6, least($7::TIMESTAMP WITHOUT TIME ZONE, greatest(timezone('UTC', now()), tutorial_progress.updated_at + interval '1 microsecond') + $8::INTEGER * interval '1 microsecond') AS least_1, greatest(timezone('UTC', now()), tutorial_progress.updated_at + interval '1 microsecond') + $8::INTEGER * interval '1 microsecond' AS anon_7, greatest(timezone('UTC', now()), tutorial_progress.updated_at + interval '1 microsecond') + $8::INTEGER * interval '1 microsecond' AS anon__1
FROM tutorial_progress
WHERE tutorial_progress.tutorial_id = $9::VARCHAR AND tutorial_progress.user_id = $2::VARCHAR AND ((SELECT true
FROM quiz_scores
WHERE quiz_scores.progress_id = tutorial_progress.id AND quiz_scores.user_id = $2::VARCHAR AND quiz_scores.quiz_id = $3::VARCHAR) OR (SELECT count(*) AS count_1
FROM quiz_scores
WHERE quiz_scores.progress_id = tutorial_progress.id AND quiz_scores.user_id = $2::VARCHAR) < $10::INTEGER) AND NOT coalesce((SELECT true
FROM quiz_attempt_keys
WHERE quiz_attempt_keys.user_id = $2::VARCHAR AND quiz_attempt_keys.quiz_score_id = (SELECT quiz_scores.id
FROM quiz_scores
WHERE quiz_scores.progress_id = tutorial_progress.id AND quiz_scores.user_id = $2::VARCHAR AND quiz_scores.quiz_id = $3::VARCHAR) AND quiz_attempt_keys.attempt_key = any(CAST($11::VARCHAR AS UUID[]))
 LIMIT 1), false) ON CONFLICT ON CONSTRAINT quiz_scores_progress_id_quiz_id_key DO UPDATE SET score = CASE WHEN (CAST(excluded.score AS BIGINT) * quiz_scores.max_score > CAST(quiz_scores.score AS BIGINT) * excluded.max_score) THEN excluded.score ELSE quiz_scores.score END, max_score = CASE WHEN (CAST(excluded.score AS BIGINT) * quiz_scores.max_score > CAST(quiz_scores.score AS BIGINT) * excluded.max_score) THEN excluded.max_score ELSE quiz_scores.max_score END, passed = (quiz_scores.passed OR excluded.passed), attempts = CAST(least(CAST(coalesce(quiz_scores.attempts, 1) AS BIGINT) + 1, 2147483647) AS INTEGER), completed_at = greatest(quiz_scores.completed_at, excluded.completed_at), updated_at = excluded.updated_at;

-- Remember the keys of the attempt, after it was counted by them.
-- $1 attempt_keys, $2 of_user, $3 of_tutorial, $4 of_quiz
INSERT INTO quiz_attempt_keys (quiz_score_id, attempt_key, user_id) SELECT quiz_scores.id, unnest(CAST($1::VARCHAR AS UUID[])) AS unnest_1, $2::VARCHAR AS anon_1
FROM quiz_scores
WHERE quiz_scores.progress_id = (SELECT tutorial_progress.id
FROM tutorial_progress
WHERE tutorial_progress.tutorial_id = $3::VARCHAR AND tutorial_progress.user_id = $2::VARCHAR) AND quiz_scores.user_id = $2::VARCHAR AND quiz_scores.quiz_id = $4::VARCHAR ON CONFLICT DO NOTHING;

-- Count what is below the row, under its lock, and return the progress. It is a later statement
-- than the one that waited for the lock, so it sees what the writer before it committed.
-- $1 of_user, $2 of_tutorial, $3 of_quiz
UPDATE tutorial_progress SET completion_percentage=CAST(CASE WHEN coalesce(tutorial_progress.certificate_earned, false) THEN 100 ELSE least(coalesce((current.chapters_completed * 100) / nullif(coalesce(current.outline_chapters, greatest(coalesce(tutorial_progress.total_chapters, 0), 0)), 0), 0), 100) END AS INTEGER), chapters_completed=current.chapters_completed, total_chapters=coalesce(current.outline_chapters, greatest(coalesce(tutorial_progress.total_chapters, 0), 0)), certificate_eligible=(CAST(CASE WHEN coalesce(tutorial_progress.certificate_earned, false) THEN 100 ELSE least(coalesce((current.chapters_completed * 100) / nullif(coalesce(current.outline_chapters, greatest(coalesce(tutorial_progress.total_chapters, 0), 0)), 0), 0), 100) END AS INTEGER) >= coalesce(current.outline_percentage, 95) AND current.quizzes_passed = coalesce(current.outline_quizzes, current.quizzes_recorded)), total_watch_time=CAST(least(current.watch_time, 2147483647) AS INTEGER), last_watched_at=greatest(tutorial_progress.last_watched_at, current.watched), updated_at=greatest(tutorial_progress.updated_at, current.latest), last_chapter_id=(SELECT chapter_progress.chapter_id
FROM chapter_progress
WHERE chapter_progress.progress_id = tutorial_progress.id AND chapter_progress.user_id = $1::VARCHAR ORDER BY coalesce(chapter_progress.recorded_at, chapter_progress.updated_at, '-infinity'::timestamp) DESC, chapter_progress.updated_at DESC NULLS LAST, chapter_progress.chapter_id COLLATE "C"
 LIMIT 1), counted_at=greatest(tutorial_progress.updated_at, current.latest), outline_updated_at=current.outline_updated_at FROM (SELECT stored.id AS id, stored.updated_at AS updated_at, coalesce(stored.certificate_earned, false) AS was_earned, CASE WHEN (stored.outline_updated_at IS NOT DISTINCT FROM outline.updated_at AND (outline.updated_at IS NULL OR coalesce(stored.counted_at = stored.updated_at, false))) THEN coalesce(stored.chapters_completed, 0) ELSE chapters.completed END AS completed_before, chapters.completed AS chapters_completed, quizzes.recorded AS quizzes_recorded, quizzes.passed AS quizzes_passed, cardinality(outline.chapter_ids) AS outline_chapters, cardinality(outline.quiz_ids) AS outline_quizzes, outline.certificate_percentage AS outline_percentage, outline.chapter_ids AS outline_chapter_ids, outline.quiz_ids AS outline_quiz_ids, outline.updated_at AS outline_updated_at, chapters.watch_time AS watch_time, greatest(chapters.latest, quizzes.latest) AS latest, greatest(chapters.watched, quizzes.watched) AS watched, chapters.listed AS chapters, quizzes.listed AS quizzes
FROM tutorial_progress AS stored LEFT OUTER JOIN LATERAL (SELECT tutorial_outlines.tutorial_id AS tutorial_id, tutorial_outlines.title AS title, tutorial_outlines.certificate_percentage AS certificate_percentage, tutorial_outlines.chapter_ids AS chapter_ids, tutorial_outlines.quiz_ids AS quiz_ids, tutorial_outlines.updated_at AS updated_at, jsonb_object(CAST(tutorial_outlines.chapter_ids AS TEXT[]), CAST(tutorial_outlines.chapter_ids AS TEXT[])) AS chapters, jsonb_object(CAST(tutorial_outlines.quiz_ids AS TEXT[]), CAST(tutorial_outlines.quiz_ids AS TEXT[])) AS quizzes
FROM tutorial_outlines
WHERE tutorial_outlines.tutorial_id = $2::VARCHAR
 LIMIT ALL OFFSET 0) AS outline ON true JOIN LATERAL (SELECT count(*) FILTER (WHERE chapter_progress.completed AND (outline.chapters IS NULL OR jsonb_exists(outline.chapters, chapter_progress.chapter_id))) AS completed, coalesce(sum(chapter_progress.watch_time), 0) AS watch_time, max(chapter_progress.updated_at) AS latest, nullif(max(coalesce(chapter_progress.recorded_at, chapter_progress.updated_at, '-infinity'::timestamp)), '-infinity'::timestamp) AS watched, coalesce(json_agg(json_build_array(chapter_progress.chapter_id, coalesce(chapter_progress.watch_time, 0), coalesce(chapter_progress.completed, false), coalesce(chapter_progress.last_position, 0)) ORDER BY chapter_progress.created_at, chapter_progress.chapter_id), '[]'::json) AS listed
FROM chapter_progress
WHERE chapter_progress.progress_id = stored.id AND chapter_progress.user_id = $1::VARCHAR) AS chapters ON true JOIN LATERAL (SELECT count(*) AS recorded, count(*) FILTER (WHERE quiz_scores.passed AND (outline.quizzes IS NULL OR jsonb_exists(outline.quizzes, quiz_scores.quiz_id))) AS passed, max(quiz_scores.updated_at) AS latest, max(quiz_scores.completed_at) AS watched, coalesce(json_agg(json_build_array(quiz_scores.quiz_id, quiz_scores.score, quiz_scores.max_score, quiz_scores.passed, coalesce(quiz_scores.attempts, 1), quiz_scores.completed_at) ORDER BY quiz_scores.created_at, quiz_scores.quiz_id), '[]'::json) AS listed
FROM quiz_scores
WHERE quiz_scores.progress_id = stored.id AND quiz_scores.user_id = $1::VARCHAR) AS quizzes ON true
WHERE stored.tutorial_id = $2::VARCHAR AND stored.user_id = $1::VARCHAR) AS current WHERE tutorial_progress.tutorial_id = $2::VARCHAR AND tutorial_progress.user_id = $1::VARCHAR AND tutorial_progress.id = current.id AND (SELECT true
FROM quiz_scores
WHERE quiz_scores.progress_id = tutorial_progress.id AND quiz_scores.user_id = $1::VARCHAR AND quiz_scores.quiz_id = $3::VARCHAR) RETURNING tutorial_progress.tutorial_id AS tutorial_id, tutorial_progress.user_id AS user_id, coalesce(tutorial_progress.completion_percentage, 0) AS completion_percentage, coalesce(tutorial_progress.chapters_completed, 0) AS chapters_completed, coalesce(tutorial_progress.total_chapters, 0) AS total_chapters, current.chapters AS chapters, current.quizzes AS quizzes, coalesce(tutorial_progress.certificate_eligible, false) AS certificate_eligible, coalesce(tutorial_progress.certificate_earned, false) AS certificate_earned, coalesce(tutorial_progress.total_watch_time, 0) AS total_watch_time, tutorial_progress.last_watched_at AS last_watched_at, tutorial_progress.updated_at IS DISTINCT FROM current.updated_at AS is_recorded, greatest(coalesce(tutorial_progress.chapters_completed, 0) - current.completed_before, 0) AS newly_completed, tutorial_progress.certificate_earned AND NOT current.was_earned AS newly_earned;

-- ==== POST /<tutorialId>/complete

-- Lock the learner's row: what decides must not change before the decision is written.
-- $1 of_tutorial, $2 of_user
SELECT tutorial_progress.id
FROM tutorial_progress
WHERE tutorial_progress.tutorial_id = $1::VARCHAR AND tutorial_progress.user_id = $2::VARCHAR FOR NO KEY UPDATE;

-- Decide by the chapters and quizzes as they are recorded, and issue the certificate.
-- $1 completes, $2 at, $3 of_user, $4 of_tutorial, $5 totals, $6 of_certificate, $7 holder_name, $8 credential_id
WITH decided AS
(UPDATE tutorial_progress SET completion_percentage=CAST(CASE WHEN coalesce(coalesce(tutorial_progress.certificate_earned, false) OR $1::BOOLEAN AND CAST(CASE WHEN coalesce(tutorial_progress.certificate_earned, false) THEN 100 ELSE least(coalesce((counted.chapters_completed * 100) / nullif(coalesce(counted.outline_chapters, greatest(coalesce(tutorial_progress.total_chapters, 0), counted.total)), 0), 0), 100) END AS INTEGER) >= coalesce(counted.outline_percentage, 95) AND counted.quizzes_passed = coalesce(counted.outline_quizzes, counted.quizzes_recorded), false) THEN 100 ELSE least(coalesce((counted.chapters_completed * 100) / nullif(coalesce(counted.outline_chapters, greatest(coalesce(tutorial_progress.total_chapters, 0), counted.total)), 0), 0), 100) END AS INTEGER), chapters_completed=counted.chapters_completed, total_chapters=coalesce(counted.outline_chapters, greatest(coalesce(tutorial_progress.total_chapters, 0), counted.total)), certificate_eligible=(CAST(CASE WHEN coalesce(tutorial_progress.certificate_earned, false) THEN 100 ELSE least(coalesce((counted.chapters_completed * 100) / nullif(coalesce(counted.outline_chapters, greatest(coalesce(tutorial_progress.total_chapters, 0), counted.total)), 0), 0), 100) END AS INTEGER) >= coalesce(counted.outline_percentage, 95) AND counted.quizzes_passed = coalesce(counted.outline_quizzes, counted.quizzes_recorded)), certificate_earned=(coalesce(tutorial_progress.certificate_earned, false) OR $1::BOOLEAN AND CAST(CASE WHEN coalesce(tutorial_progress.certificate_earned, false) THEN 100 ELSE least(coalesce((counted.chapters_completed * 100) / nullif(coalesce(counted.outline_chapters, greatest(coalesce(tutorial_progress.total_chapters, 0), counted.total)), 0), 0), 100) END AS INTEGER) >= coalesce(counted.outline_percentage, 95) AND counted.quizzes_passed = coalesce(counted.outline_quizzes, counted.quizzes_recorded)), total_watch_time=CAST(least(counted.watch_time, 2147483647) AS INTEGER), last_watched_at=greatest(greatest(tutorial_progress.last_watched_at, counted.watched), nullif(least(least($2::TIMESTAMP WITHOUT TIME ZONE, greatest(timezone('UTC', now()), tutorial_progress.updated_at + interval '1 microsecond') + 0 * interval '1 microsecond'), CASE WHEN ((coalesce(tutorial_progress.certificate_earned, false) OR $1::BOOLEAN AND CAST(CASE WHEN coalesce(tutorial_progress.certificate_earned, false) THEN 100 ELSE least(coalesce((counted.chapters_completed * 100) / nullif(coalesce(counted.outline_chapters, greatest(coalesce(tutorial_progress.total_chapters, 0), counted.total)), 0), 0), 100) END AS INTEGER) >= coalesce(counted.outline_percentage, 95) AND counted.quizzes_passed = coalesce(counted.outline_quizzes, counted.quizzes_recorded)) AND NOT counted.was_earned) THEN 'infinity'::timestamp ELSE '-infinity'::timestamp END), '-infinity'::timestamp)), updated_at=greatest(greatest(tutorial_progress.updated_at, counted.latest), nullif(least(least($2::TIMESTAMP WITHOUT TIME ZONE, greatest(timezone('UTC', now()), tutorial_progress.updated_at + interval '1 microsecond') + 0 * interval '1 microsecond'), CASE WHEN ((coalesce(tutorial_progress.certificate_earned, false) OR $1::BOOLEAN AND CAST(CASE WHEN coalesce(tutorial_progress.certificate_earned, false) THEN 100 ELSE least(coalesce((counted.chapters_completed * 100) / nullif(coalesce(counted.outline_chapters, greatest(coalesce(tutorial_progress.total_chapters, 0), counted.total)), 0), 0), 100) END AS INTEGER) >= coalesce(counted.outline_percentage, 95) AND counted.quizzes_passed = coalesce(counted.outline_quizzes, counted.quizzes_recorded)) AND NOT counted.was_earned) THEN 'infinity'::timestamp ELSE '-infinity'::timestamp END), '-infinity'::timestamp)), last_chapter_id=(SELECT chapter_progress.chapter_id
FROM chapter_progress
WHERE chapter_progress.progress_id = tutorial_progress.id AND chapter_progress.user_id = $3::VARCHAR ORDER BY coalesce(chapter_progress.recorded_at, chapter_progress.updated_at, '-infinity'::timestamp) DESC, chapter_progress.updated_at DESC NULLS LAST, chapter_progress.chapter_id COLLATE "C"
 LIMIT 1), counted_at=greatest(greatest(tutorial_progress.updated_at, counted.latest), nullif(least(least($2::TIMESTAMP WITHOUT TIME ZONE, greatest(timezone('UTC', now()), tutorial_progress.updated_at + interval '1 microsecond') + 0 * interval '1 microsecond'), CASE WHEN ((coalesce(tutorial_progress.certificate_earned, false) OR $1::BOOLEAN AND CAST(CASE WHEN coalesce(tutorial_progress.certificate_earned, false) THEN 100 ELSE least(coalesce((counted.chapters_completed * 100) / nullif(coalesce(counted.outline_chapters, greatest(coalesce(tutorial_progress.total_chapters, 0), counted.total)), 0), 0), 100) END AS INTEGER) >= coalesce(counted.outline_percentage, 95) AND counted.quizzes_passed = coalesce(counted.outline_quizzes, counted.quizzes_recorded)) AND NOT counted.was_earned) THEN 'infinity'::timestamp ELSE '-infinity'::timestamp END), '-infinity'::timestamp)), outline_updated_at=counted.outline_updated_at FROM (SELECT current.id AS id, current.updated_at AS updated_at, current.was_earned AS was_earned, current.completed_before AS completed_before, current.chapters_completed AS chapters_completed, current.quizzes_recorded AS quizzes_recorded, current.quizzes_passed AS quizzes_passed, current.outline_chapters AS outline_chapters, current.outline_quizzes AS outline_quizzes, current.outline_percentage AS outline_percentage, current.outline_chapter_ids AS outline_chapter_ids, current.outline_quiz_ids AS outline_quiz_ids, current.outline_updated_at AS outline_updated_at, current.watch_time AS watch_time, current.latest AS latest, current.watched AS watched, current.chapters AS chapters, current.quizzes AS quizzes, posted.total AS total
FROM (SELECT stored.id AS id, stored.updated_at AS updated_at, coalesce(stored.certificate_earned, false) AS was_earned, CASE WHEN (stored.outline_updated_at IS NOT DISTINCT FROM outline.updated_at AND (outline.updated_at IS NULL OR coalesce(stored.counted_at = stored.updated_at, false))) THEN coalesce(stored.chapters_completed, 0) ELSE chapters.completed END AS completed_before, chapters.completed AS chapters_completed, quizzes.recorded AS quizzes_recorded, quizzes.passed AS quizzes_passed, cardinality(outline.chapter_ids) AS outline_chapters, cardinality(outline.quiz_ids) AS outline_quizzes, outline.certificate_percentage AS outline_percentage, outline.chapter_ids AS outline_chapter_ids, outline.quiz_ids AS outline_quiz_ids, outline.updated_at AS outline_updated_at, chapters.watch_time AS watch_time, greatest(chapters.latest, quizzes.latest) AS latest, greatest(chapters.watched, quizzes.watched) AS watched, chapters.listed AS chapters, quizzes.listed AS quizzes
FROM tutorial_progress AS stored LEFT OUTER JOIN LATERAL (SELECT tutorial_outlines.tutorial_id AS tutorial_id, tutorial_outlines.title AS title, tutorial_outlines.certificate_percentage AS certificate_percentage, tutorial_outlines.chapter_ids AS chapter_ids, tutorial_outlines.quiz_ids AS quiz_ids, tutorial_outlines.updated_at AS updated_at, jsonb_object(CAST(tutorial_outlines.chapter_ids AS TEXT[]), CAST(tutorial_outlines.chapter_ids AS TEXT[])) AS chapters, jsonb_object(CAST(tutorial_outlines.quiz_ids AS TEXT[]), CAST(tutorial_outlines.quiz_ids AS TEXT[])) AS quizzes
FROM tutorial_outlines
WHERE tutorial_outlines.tutorial_id = $4::VARCHAR
 LIMIT ALL OFFSET 0) AS outline ON true JOIN LATERAL (SELECT count(*) FILTER (WHERE chapter_progress.completed AND (outline.chapters IS NULL OR jsonb_exists(outline.chapters, chapter_progress.chapter_id))) AS completed, coalesce(sum(chapter_progress.watch_time), 0) AS watch_time, max(chapter_progress.updated_at) AS latest, nullif(max(coalesce(chapter_progress.recorded_at, chapter_progress.updated_at, '-infinity'::timestamp)), '-infinity'::timestamp) AS watched, coalesce(json_agg(json_build_array(chapter_progress.chapter_id, coalesce(chapter_progress.watch_time, 0), coalesce(chapter_progress.completed, false), coalesce(chapter_progress.last_position, 0)) ORDER BY chapter_progress.created_at, chapter_progress.chapter_id), '[]'::json) AS listed
FROM chapter_progress
WHERE chapter_progress.progress_id = stored.id AND chapter_progress.user_id = $3::VARCHAR) AS chapters ON true JOIN LATERAL (SELECT count(*) AS recorded, count(*) FILTER (WHERE quiz_scores.passed AND (outline.quizzes IS NULL OR jsonb_exists(outline.quizzes, quiz_scores.quiz_id))) AS passed, max(quiz_scores.updated_at) AS latest, max(quiz_scores.completed_at) AS watched, coalesce(json_agg(json_build_array(quiz_scores.quiz_id, quiz_scores.score, quiz_scores.max_score, quiz_scores.passed, coalesce(quiz_scores.attempts, 1), quiz_scores.completed_at) ORDER BY quiz_scores.created_at, quiz_scores.quiz_id), '[]'::json) AS listed
FROM quiz_scores
WHERE quiz_scores.progress_id = stored.id AND quiz_scores.user_id = $3::VARCHAR) AS quizzes ON true
WHERE stored.tutorial_id = $4::VARCHAR AND stored.user_id = $3::VARCHAR) AS current JOIN (SELECT coalesce(max(CAST(CAST($5::VARCHAR AS JSONB) ->> chapter_progress.chapter_id AS INTEGER)), 0) AS total
FROM chapter_progress, tutorial_progress AS opened
WHERE chapter_progress.progress_id = opened.id AND chapter_progress.user_id = $3::VARCHAR AND opened.tutorial_id = $4::VARCHAR AND opened.user_id = $3::VARCHAR) AS posted ON true) AS counted WHERE tutorial_progress.tutorial_id = $4::VARCHAR AND tutorial_progress.user_id = $3::VARCHAR AND tutorial_progress.id = counted.id AND tutorial_progress.updated_at IS NOT DISTINCT FROM counted.updated_at RETURNING tutorial_progress.tutorial_id AS tutorial_id, tutorial_progress.user_id AS user_id, coalesce(tutorial_progress.completion_percentage, 0) AS completion_percentage, coalesce(tutorial_progress.chapters_completed, 0) AS chapters_completed, coalesce(tutorial_progress.total_chapters, 0) AS total_chapters, counted.chapters AS chapters, counted.quizzes AS quizzes, coalesce(tutorial_progress.certificate_eligible, false) AS certificate_eligible, coalesce(tutorial_progress.certificate_earned, false) AS certificate_earned, coalesce(tutorial_progress.total_watch_time, 0) AS total_watch_time, tutorial_progress.last_watched_at AS last_watched_at, tutorial_progress.updated_at IS DISTINCT FROM counted.updated_at AS is_recorded, greatest(coalesce(tutorial_progress.chapters_completed, 0) - counted.completed_before, 0) AS newly_completed, tutorial_progress.certificate_earned AND NOT counted.was_earned AS newly_earned, tutorial_progress.updated_at, counted.outline_percentage AS percentage, counted.outline_chapter_ids AS chapter_ids, counted.outline_quiz_ids AS quiz_ids),
issued AS
(INSERT INTO tutorial_certificates (id, tutorial_id, user_id, title, holder_name, credential_id, issued_at) SELECT $6::VARCHAR AS anon_1, decided.tutorial_id AS tutorial_id, $3::VARCHAR AS anon_2, (SELECT tutorial_outlines.title
FROM tutorial_outlines
WHERE tutorial_outlines.tutorial_id = decided.tutorial_id) AS anon_3, $7::VARCHAR AS anon_4, CAST($8::VARCHAR AS UUID) AS anon_5, greatest(decided.updated_at, least(timezone('UTC', now()), CASE WHEN (decided.updated_at IS NULL) THEN 'infinity'::timestamp ELSE '-infinity'::timestamp END)) AS greatest_1
FROM decided
WHERE decided.certificate_earned AND $1::BOOLEAN ON CONFLICT (user_id, tutorial_id) DO UPDATE SET holder_name = coalesce(tutorial_certificates.holder_name, excluded.holder_name) RETURNING tutorial_certificates.id, tutorial_certificates.tutorial_id, tutorial_certificates.user_id, tutorial_certificates.title, tutorial_certificates.holder_name, tutorial_certificates.issued_at, tutorial_certificates.credential_id, tutorial_certificates.revoked_at, tutorial_certificates.revocation_reason, tutorial_certificates.history)
 SELECT decided.tutorial_id, decided.user_id, decided.completion_percentage, decided.chapters_completed, decided.total_chapters, decided.chapters, decided.quizzes, decided.certificate_eligible, decided.certificate_earned, decided.total_watch_time, decided.last_watched_at, decided.is_recorded, decided.newly_completed, decided.newly_earned, decided.percentage, decided.chapter_ids, decided.quiz_ids, issued.id, issued.tutorial_id AS tutorial_id_1, issued.user_id AS user_id_1, issued.title, issued.holder_name, issued.issued_at, issued.credential_id, issued.revoked_at, issued.revocation_reason, issued.history
FROM decided LEFT OUTER JOIN issued ON true;

-- ==== POST <prefix>, for each tutorial: here a chapter, a quiz and the certificate

-- Take the learner's row, and create it if it is missing. On a conflict the row is locked but not
-- updated, so concurrent writers queue here and no dead row is left. See POST
-- /<tutorialId>/chapter.

-- Record the chapter, unless the learner has as many chapters as the limit allows. See POST
-- /<tutorialId>/chapter.

-- Record the attempt, unless its key is known or the limit of quizzes is reached. See POST
-- /<tutorialId>/quiz.

-- Remember the keys of the attempt, after it was counted by them. See POST /<tutorialId>/quiz.

-- Decide by the chapters and quizzes as they are recorded, and issue the certificate. See POST
-- /<tutorialId>/complete.

-- ==== GET <prefix>

-- Read a page of the learner's tutorials, the one that was watched last first.
-- $1 of_user, $2 watched, $3 after, $4 any_status, $5 completed, $6 limit
SELECT coalesce(json_agg(json_build_array(page.tutorial_id, page.watched, page.percentage, coalesce(page.chapters_completed, 0), coalesce(page.total_chapters, 0), coalesce(page.certificate_eligible, false), coalesce(page.certificate_earned, false), coalesce(page.total_watch_time, 0), (SELECT json_build_array(last.chapter_id, coalesce(last.last_position, 0), coalesce(last.completed, false)) AS json_build_array_1
FROM chapter_progress AS last
WHERE last.progress_id = page.id AND last.user_id = $1::VARCHAR AND last.chapter_id = CASE WHEN page.is_counted THEN page.last_chapter_id ELSE (SELECT chapter_progress.chapter_id
FROM chapter_progress
WHERE chapter_progress.progress_id = page.id AND chapter_progress.user_id = $1::VARCHAR ORDER BY coalesce(chapter_progress.recorded_at, chapter_progress.updated_at, '-infinity'::timestamp) DESC, chapter_progress.updated_at DESC NULLS LAST, chapter_progress.chapter_id COLLATE "C"
 LIMIT 1) END), page.title) ORDER BY page.watched DESC, page.tutorial_id), '[]'::json) AS items
FROM (SELECT tutorial_progress.id AS id, tutorial_progress.tutorial_id AS tutorial_id, coalesce(tutorial_progress.last_watched_at, '-infinity'::timestamp) AS watched, coalesce(CASE WHEN (tutorial_progress.outline_updated_at IS NOT DISTINCT FROM outline.updated_at AND (outline.updated_at IS NULL OR coalesce(tutorial_progress.counted_at = tutorial_progress.updated_at, false))) THEN tutorial_progress.completion_percentage ELSE CAST(CASE WHEN coalesce(tutorial_progress.certificate_earned, false) THEN 100 ELSE least(coalesce((chapters.completed * 100) / nullif(coalesce(cardinality(outline.chapter_ids), greatest(coalesce(tutorial_progress.total_chapters, 0), 0)), 0), 0), 100) END AS INTEGER) END, 0) AS percentage, CASE WHEN (tutorial_progress.outline_updated_at IS NOT DISTINCT FROM outline.updated_at AND (outline.updated_at IS NULL OR coalesce(tutorial_progress.counted_at = tutorial_progress.updated_at, false))) THEN tutorial_progress.chapters_completed ELSE chapters.completed END AS chapters_completed, CASE WHEN (tutorial_progress.outline_updated_at IS NOT DISTINCT FROM outline.updated_at AND (outline.updated_at IS NULL OR coalesce(tutorial_progress.counted_at = tutorial_progress.updated_at, false))) THEN tutorial_progress.total_chapters ELSE coalesce(cardinality(outline.chapter_ids), greatest(coalesce(tutorial_progress.total_chapters, 0), 0)) END AS total_chapters, CASE WHEN (tutorial_progress.outline_updated_at IS NOT DISTINCT FROM outline.updated_at AND (outline.updated_at IS NULL OR coalesce(tutorial_progress.counted_at = tutorial_progress.updated_at, false))) THEN tutorial_progress.certificate_eligible ELSE CAST(CASE WHEN coalesce(tutorial_progress.certificate_earned, false) THEN 100 ELSE least(coalesce((chapters.completed * 100) / nullif(coalesce(cardinality(outline.chapter_ids), greatest(coalesce(tutorial_progress.total_chapters, 0), 0)), 0), 0), 100) END AS INTEGER) >= coalesce(outline.certificate_percentage, 95) AND quizzes.passed = coalesce(cardinality(outline.quiz_ids), quizzes.recorded) END AS certificate_eligible, tutorial_progress.certificate_earned AS certificate_earned, tutorial_progress.total_watch_time AS total_watch_time, outline.title AS title, coalesce(tutorial_progress.counted_at = tutorial_progress.updated_at, false) AS is_counted, tutorial_progress.last_chapter_id AS last_chapter_id
FROM tutorial_progress LEFT OUTER JOIN LATERAL (SELECT tutorial_outlines.tutorial_id AS tutorial_id, tutorial_outlines.title AS title, tutorial_outlines.certificate_percentage AS certificate_percentage, tutorial_outlines.chapter_ids AS chapter_ids, tutorial_outlines.quiz_ids AS quiz_ids, tutorial_outlines.updated_at AS updated_at, jsonb_object(CAST(tutorial_outlines.chapter_ids AS TEXT[]), CAST(tutorial_outlines.chapter_ids AS TEXT[])) AS chapters, jsonb_object(CAST(tutorial_outlines.quiz_ids AS TEXT[]), CAST(tutorial_outlines.quiz_ids AS TEXT[])) AS quizzes
FROM tutorial_outlines
WHERE tutorial_outlines.tutorial_id = tutorial_progress.tutorial_id
 LIMIT ALL OFFSET 0) AS outline ON true JOIN LATERAL (SELECT count(*) FILTER (WHERE chapter_progress.completed AND (outline.chapters IS NULL OR jsonb_exists(outline.chapters, chapter_progress.chapter_id))) AS completed, coalesce(sum(chapter_progress.watch_time), 0) AS watch_time, max(chapter_progress.updated_at) AS latest, nullif(max(coalesce(chapter_progress.recorded_at, chapter_progress.updated_at, '-infinity'::timestamp)), '-infinity'::timestamp) AS watched, coalesce(json_agg(json_build_array(chapter_progress.chapter_id, coalesce(chapter_progress.watch_time, 0), coalesce(chapter_progress.completed, false), coalesce(chapter_progress.last_position, 0)) ORDER BY chapter_progress.created_at, chapter_progress.chapter_id), '[]'::json) AS listed
FROM chapter_progress
WHERE chapter_progress.progress_id = tutorial_progress.id AND chapter_progress.user_id = $1::VARCHAR AND NOT (tutorial_progress.outline_updated_at IS NOT DISTINCT FROM outline.updated_at AND (outline.updated_at IS NULL OR coalesce(tutorial_progress.counted_at = tutorial_progress.updated_at, false)))) AS chapters ON true JOIN LATERAL (SELECT count(*) AS recorded, count(*) FILTER (WHERE quiz_scores.passed AND (outline.quizzes IS NULL OR jsonb_exists(outline.quizzes, quiz_scores.quiz_id))) AS passed, max(quiz_scores.updated_at) AS latest, max(quiz_scores.completed_at) AS watched, coalesce(json_agg(json_build_array(quiz_scores.quiz_id, quiz_scores.score, quiz_scores.max_score, quiz_scores.passed, coalesce(quiz_scores.attempts, 1), quiz_scores.completed_at) ORDER BY quiz_scores.created_at, quiz_scores.quiz_id), '[]'::json) AS listed
FROM quiz_scores
WHERE quiz_scores.progress_id = tutorial_progress.id AND quiz_scores.user_id = $1::VARCHAR AND NOT (tutorial_progress.outline_updated_at IS NOT DISTINCT FROM outline.updated_at AND (outline.updated_at IS NULL OR coalesce(tutorial_progress.counted_at = tutorial_progress.updated_at, false)))) AS quizzes ON true
WHERE tutorial_progress.user_id = $1::VARCHAR AND coalesce(tutorial_progress.last_watched_at, '-infinity'::timestamp) <= CAST($2::VARCHAR AS TIMESTAMP WITHOUT TIME ZONE) AND (coalesce(tutorial_progress.last_watched_at, '-infinity'::timestamp) < CAST($2::VARCHAR AS TIMESTAMP WITHOUT TIME ZONE) OR tutorial_progress.tutorial_id > $3::VARCHAR) AND ($4::BOOLEAN OR (coalesce(CASE WHEN (tutorial_progress.outline_updated_at IS NOT DISTINCT FROM outline.updated_at AND (outline.updated_at IS NULL OR coalesce(tutorial_progress.counted_at = tutorial_progress.updated_at, false))) THEN tutorial_progress.completion_percentage ELSE CAST(CASE WHEN coalesce(tutorial_progress.certificate_earned, false) THEN 100 ELSE least(coalesce((chapters.completed * 100) / nullif(coalesce(cardinality(outline.chapter_ids), greatest(coalesce(tutorial_progress.total_chapters, 0), 0)), 0), 0), 100) END AS INTEGER) END, 0) >= 100) = $5::BOOLEAN) ORDER BY coalesce(tutorial_progress.last_watched_at, '-infinity'::timestamp) DESC, tutorial_progress.tutorial_id
 LIMIT $6::INTEGER) AS page;

-- ==== PUT /<tutorialId>/outline

-- Store the outline.
-- $1 of_tutorial, $2 title, $3 chapter_ids, $4 quiz_ids, $5 details, $6 certificate_percentage
INSERT INTO tutorial_outlines (tutorial_id, title, chapter_ids, quiz_ids, details, certificate_percentage, updated_at) VALUES ($1::VARCHAR, $2::VARCHAR, $3::VARCHAR[], $4::VARCHAR[], CAST($5::VARCHAR AS JSON), $6::INTEGER, timezone('UTC', now())) ON CONFLICT (tutorial_id) DO UPDATE SET title = excluded.title, chapter_ids = excluded.chapter_ids, quiz_ids = excluded.quiz_ids, details = excluded.details, certificate_percentage = excluded.certificate_percentage, updated_at = greatest(excluded.updated_at, tutorial_outlines.updated_at + interval '1 microsecond') RETURNING tutorial_outlines.tutorial_id, tutorial_outlines.title, tutorial_outlines.chapter_ids, tutorial_outlines.quiz_ids, tutorial_outlines.details, tutorial_outlines.certificate_percentage, tutorial_outlines.updated_at;

-- ==== GET /<tutorialId>/outline

-- Read the outline.
-- $1 of_tutorial
SELECT tutorial_outlines.tutorial_id, tutorial_outlines.title, tutorial_outlines.chapter_ids, tutorial_outlines.quiz_ids, tutorial_outlines.details, tutorial_outlines.certificate_percentage, tutorial_outlines.updated_at
FROM tutorial_outlines
WHERE tutorial_outlines.tutorial_id = $1::VARCHAR AND tutorial_outlines.chapter_ids IS NOT NULL;

-- ==== DELETE /<tutorialId>/outline

-- Remove the outline.
-- $1 of_tutorial
UPDATE tutorial_outlines SET title=NULL, chapter_ids=NULL, quiz_ids=NULL, details=NULL, certificate_percentage=NULL, updated_at=greatest(timezone('UTC', now()), tutorial_outlines.updated_at + interval '1 microsecond') WHERE tutorial_outlines.tutorial_id = $1::VARCHAR AND tutorial_outlines.chapter_ids IS NOT NULL RETURNING 1;

-- ==== GET /<tutorialId>/certificate

-- Read the learner's certificate.
-- $1 of_user, $2 of_tutorial
SELECT tutorial_certificates.id, tutorial_certificates.tutorial_id, tutorial_certificates.user_id, tutorial_certificates.title, tutorial_certificates.holder_name, tutorial_certificates.issued_at, tutorial_certificates.credential_id, tutorial_certificates.revoked_at, tutorial_certificates.revocation_reason, tutorial_certificates.history
FROM tutorial_certificates
WHERE tutorial_certificates.user_id = $1::VARCHAR AND tutorial_certificates.tutorial_id = $2::VARCHAR;

-- ==== GET /certificates/<certificateId>

-- Read the certificate.
-- $1 of_certificate
SELECT tutorial_certificates.id, tutorial_certificates.tutorial_id, tutorial_certificates.user_id, tutorial_certificates.title, tutorial_certificates.holder_name, tutorial_certificates.issued_at, tutorial_certificates.credential_id, tutorial_certificates.revoked_at, tutorial_certificates.revocation_reason, tutorial_certificates.history
FROM tutorial_certificates
WHERE tutorial_certificates.id = $1::VARCHAR;

-- ==== POST /certificates/<certificateId>/revoke

-- Revoke the certificate, unless it is revoked: then it is read, as above.
-- $1 reason, $2 of_certificate
UPDATE tutorial_certificates SET revoked_at=timezone('UTC', now()), revocation_reason=$1::VARCHAR, history=(tutorial_certificates.history || jsonb_build_array(jsonb_build_object('at', timezone('UTC', now()), 'action', 'revoked', 'reason', $1::VARCHAR))) WHERE tutorial_certificates.id = $2::VARCHAR AND tutorial_certificates.revoked_at IS NULL RETURNING tutorial_certificates.id, tutorial_certificates.tutorial_id, tutorial_certificates.user_id, tutorial_certificates.title, tutorial_certificates.holder_name, tutorial_certificates.issued_at, tutorial_certificates.credential_id, tutorial_certificates.revoked_at, tutorial_certificates.revocation_reason, tutorial_certificates.history;

-- ==== POST /certificates/<certificateId>/reinstate

-- Reinstate the certificate, if it is revoked; if not, it is read, as above.
-- $1 of_certificate
UPDATE tutorial_certificates SET revoked_at=NULL, revocation_reason=NULL, history=(tutorial_certificates.history || jsonb_build_array(jsonb_build_object('at', timezone('UTC', now()), 'action', 'reinstated', 'reason', NULL))) WHERE tutorial_certificates.id = $1::VARCHAR AND tutorial_certificates.revoked_at IS NOT NULL RETURNING tutorial_certificates.id, tutorial_certificates.tutorial_id, tutorial_certificates.user_id, tutorial_certificates.title, tutorial_certificates.holder_name, tutorial_certificates.issued_at, tutorial_certificates.credential_id, tutorial_certificates.revoked_at, tutorial_certificates.revocation_reason, tutorial_certificates.history;

-- ==== GET /<tutorialId>/report

-- Set what this transaction may use: time, memory, one processor, a plan of its own.
-- $1 timeout
SELECT set_config('statement_timeout', $1::VARCHAR, true) AS set_config_1, set_config('work_mem', '128MB', true) AS set_config_2, set_config('max_parallel_workers_per_gather', '1', true) AS set_config_3, set_config('plan_cache_mode', 'force_custom_plan', true) AS set_config_4, set_config('enable_sort', 'off', true) AS set_config_5;

-- Count all learners in one snapshot, each as a GET of that learner does.
-- $1 of_tutorial
WITH learners AS
(SELECT tutorial_progress.id AS id, tutorial_progress.user_id AS user_id, tutorial_progress.last_watched_at AS last_watched_at, coalesce(tutorial_progress.certificate_earned, false) AS earned, coalesce(tutorial_progress.total_watch_time, 0) AS watch_time, CASE WHEN (tutorial_progress.outline_updated_at IS NOT DISTINCT FROM (SELECT tutorial_outlines.updated_at
FROM tutorial_outlines
WHERE tutorial_outlines.tutorial_id = $1::VARCHAR) AND ((SELECT tutorial_outlines.updated_at
FROM tutorial_outlines
WHERE tutorial_outlines.tutorial_id = $1::VARCHAR) IS NULL OR coalesce(tutorial_progress.counted_at = tutorial_progress.updated_at, false))) THEN coalesce(tutorial_progress.completion_percentage, 0) ELSE CAST(CASE WHEN coalesce(tutorial_progress.certificate_earned, false) THEN 100 ELSE least(coalesce((coalesce(read_below.completed, 0) * 100) / nullif(coalesce(cardinality((SELECT tutorial_outlines.chapter_ids
FROM tutorial_outlines
WHERE tutorial_outlines.tutorial_id = $1::VARCHAR)), greatest(coalesce(tutorial_progress.total_chapters, 0), 0)), 0), 0), 100) END AS INTEGER) END AS percentage, CASE WHEN coalesce(tutorial_progress.counted_at = tutorial_progress.updated_at, false) THEN tutorial_progress.last_chapter_id ELSE read_below.chapter_id END AS chapter_id
FROM tutorial_progress LEFT OUTER JOIN (SELECT chapter_progress.user_id AS user_id, count(*) FILTER (WHERE chapter_progress.completed AND ((SELECT jsonb_object(CAST(tutorial_outlines.chapter_ids AS TEXT[]), CAST(tutorial_outlines.chapter_ids AS TEXT[])) AS chapters
FROM tutorial_outlines
WHERE tutorial_outlines.tutorial_id = $1::VARCHAR) IS NULL OR jsonb_exists((SELECT jsonb_object(CAST(tutorial_outlines.chapter_ids AS TEXT[]), CAST(tutorial_outlines.chapter_ids AS TEXT[])) AS chapters
FROM tutorial_outlines
WHERE tutorial_outlines.tutorial_id = $1::VARCHAR), chapter_progress.chapter_id))) AS completed, (array_agg(chapter_progress.chapter_id ORDER BY coalesce(chapter_progress.recorded_at, chapter_progress.updated_at, '-infinity'::timestamp) DESC, chapter_progress.updated_at DESC NULLS LAST, chapter_progress.chapter_id COLLATE "C"))[1] AS chapter_id
FROM tutorial_progress JOIN chapter_progress ON chapter_progress.progress_id = tutorial_progress.id AND chapter_progress.user_id = tutorial_progress.user_id
WHERE tutorial_progress.tutorial_id = $1::VARCHAR AND (NOT coalesce(tutorial_progress.counted_at = tutorial_progress.updated_at, false) OR NOT (tutorial_progress.outline_updated_at IS NOT DISTINCT FROM (SELECT tutorial_outlines.updated_at
FROM tutorial_outlines
WHERE tutorial_outlines.tutorial_id = $1::VARCHAR) AND ((SELECT tutorial_outlines.updated_at
FROM tutorial_outlines
WHERE tutorial_outlines.tutorial_id = $1::VARCHAR) IS NULL OR coalesce(tutorial_progress.counted_at = tutorial_progress.updated_at, false)))) GROUP BY chapter_progress.user_id) AS read_below ON read_below.user_id = tutorial_progress.user_id
WHERE tutorial_progress.tutorial_id = $1::VARCHAR AND tutorial_progress.user_id IS NOT NULL)
 SELECT (SELECT tutorial_outlines.title
FROM tutorial_outlines
WHERE tutorial_outlines.tutorial_id = $1::VARCHAR) AS title, (SELECT json_build_array(count(*), count(*) FILTER (WHERE learners.last_watched_at > timezone('UTC', now()) - interval '7 days'), count(*) FILTER (WHERE learners.percentage = 100), count(*) FILTER (WHERE learners.earned), coalesce(round(avg(learners.percentage), 1), 0), coalesce(sum(CAST(learners.watch_time AS BIGINT)), 0)) AS json_build_array_1
FROM learners) AS totals, (SELECT coalesce(json_agg(listed.part ORDER BY listed.place ASC NULLS LAST, listed.learners DESC, listed.id), '[]'::json) AS coalesce_1
FROM (SELECT json_build_array(coalesce(planned_chapters.id, recorded.id), planned_chapters.details ->> 0, coalesce(recorded.learners, 0), coalesce(recorded.completed, 0), coalesce(recorded.watch_time, 0), coalesce(recorded.stopped, 0)) AS part, planned_chapters.place AS place, coalesce(recorded.learners, 0) AS learners, coalesce(planned_chapters.id, recorded.id) AS id
FROM (SELECT anon_1.id AS id, anon_1.place AS place, (tutorial_outlines.details -> 'chapters') -> CAST(anon_1.place - 1 AS INTEGER) AS details
FROM tutorial_outlines JOIN unnest(tutorial_outlines.chapter_ids) WITH ORDINALITY AS anon_1(id, place) ON true
WHERE tutorial_outlines.tutorial_id = $1::VARCHAR) AS planned_chapters FULL OUTER JOIN (SELECT of_chapter.id AS id, of_chapter.learners AS learners, of_chapter.completed AS completed, of_chapter.watch_time AS watch_time, stopped.stopped AS stopped
FROM (SELECT chapter_progress.chapter_id AS id, count(*) AS learners, count(*) FILTER (WHERE chapter_progress.completed) AS completed, coalesce(round(avg(coalesce(chapter_progress.watch_time, 0)), 1), 0) AS watch_time
FROM tutorial_progress JOIN chapter_progress ON chapter_progress.progress_id = tutorial_progress.id AND chapter_progress.user_id = tutorial_progress.user_id
WHERE tutorial_progress.tutorial_id = $1::VARCHAR AND tutorial_progress.user_id IS NOT NULL GROUP BY chapter_progress.chapter_id) AS of_chapter LEFT OUTER JOIN (SELECT learners.chapter_id AS chapter_id, count(*) AS stopped
FROM learners
WHERE learners.percentage < 100 GROUP BY learners.chapter_id) AS stopped ON of_chapter.id = stopped.chapter_id) AS recorded ON recorded.id = planned_chapters.id ORDER BY planned_chapters.place ASC NULLS LAST, coalesce(recorded.learners, 0) DESC, coalesce(planned_chapters.id, recorded.id)
 LIMIT 2000) AS listed) AS chapters, (SELECT coalesce(json_agg(listed.part ORDER BY listed.place ASC NULLS LAST, listed.learners DESC, listed.id), '[]'::json) AS coalesce_2
FROM (SELECT json_build_array(coalesce(planned_quizzes.id, recorded.id), planned_quizzes.details #>> '{}', coalesce(recorded.learners, 0), coalesce(recorded.passed, 0), coalesce(recorded.attempts, 0), coalesce(recorded.score, 0)) AS part, planned_quizzes.place AS place, coalesce(recorded.learners, 0) AS learners, coalesce(planned_quizzes.id, recorded.id) AS id
FROM (SELECT anon_2.id AS id, anon_2.place AS place, (tutorial_outlines.details -> 'quizzes') -> CAST(anon_2.place - 1 AS INTEGER) AS details
FROM tutorial_outlines JOIN unnest(tutorial_outlines.quiz_ids) WITH ORDINALITY AS anon_2(id, place) ON true
WHERE tutorial_outlines.tutorial_id = $1::VARCHAR) AS planned_quizzes FULL OUTER JOIN (SELECT quiz_scores.quiz_id AS id, count(*) AS learners, count(*) FILTER (WHERE quiz_scores.passed) AS passed, coalesce(round(avg(coalesce(quiz_scores.attempts, 1)), 1), 0) AS attempts, coalesce(round(avg((100 * quiz_scores.score) / CAST(quiz_scores.max_score AS NUMERIC)), 1), 0) AS score
FROM learners JOIN quiz_scores ON quiz_scores.progress_id = learners.id AND quiz_scores.user_id = learners.user_id GROUP BY quiz_scores.quiz_id) AS recorded ON recorded.id = planned_quizzes.id ORDER BY planned_quizzes.place ASC NULLS LAST, coalesce(recorded.learners, 0) DESC, coalesce(planned_quizzes.id, recorded.id)
 LIMIT 2000) AS listed) AS quizzes, timezone('UTC', now()) AS as_of;

-- ==== GET /<tutorialId>/learners

-- Set what this transaction may use: time, and no scan of a whole table.
-- $1 timeout
SELECT set_config('statement_timeout', $1::VARCHAR, true) AS set_config_1, set_config('enable_seqscan', 'off', true) AS set_config_2;

-- Read the learners after the last one of the page before, each as a GET does.
-- $1 least, $2 most, $3 of_tutorial, $4 after, $5 examined
WITH outline AS MATERIALIZED
(SELECT tutorial_outlines.tutorial_id AS tutorial_id, tutorial_outlines.title AS title, tutorial_outlines.certificate_percentage AS certificate_percentage, tutorial_outlines.chapter_ids AS chapter_ids, tutorial_outlines.quiz_ids AS quiz_ids, tutorial_outlines.updated_at AS updated_at, jsonb_object(CAST(tutorial_outlines.chapter_ids AS TEXT[]), CAST(tutorial_outlines.chapter_ids AS TEXT[])) AS chapters, jsonb_object(CAST(tutorial_outlines.quiz_ids AS TEXT[]), CAST(tutorial_outlines.quiz_ids AS TEXT[])) AS quizzes
FROM tutorial_outlines
WHERE tutorial_outlines.tutorial_id = $3::VARCHAR),
page AS MATERIALIZED
(SELECT tutorial_progress.id AS id, tutorial_progress.tutorial_id AS tutorial_id, tutorial_progress.user_id AS user_id, tutorial_progress.completion_percentage AS completion_percentage, tutorial_progress.chapters_completed AS chapters_completed, tutorial_progress.total_chapters AS total_chapters, tutorial_progress.certificate_eligible AS certificate_eligible, tutorial_progress.certificate_earned AS certificate_earned, tutorial_progress.total_watch_time AS total_watch_time, tutorial_progress.last_watched_at AS last_watched_at, tutorial_progress.created_at AS created_at, tutorial_progress.updated_at AS updated_at, tutorial_progress.last_chapter_id AS last_chapter_id, tutorial_progress.counted_at AS counted_at, tutorial_progress.outline_updated_at AS outline_updated_at, tutorial_progress.outline_updated_at IS NOT DISTINCT FROM outline.updated_at AND (outline.updated_at IS NULL OR coalesce(tutorial_progress.counted_at = tutorial_progress.updated_at, false)) AS is_current
FROM tutorial_progress LEFT OUTER JOIN outline ON true
WHERE tutorial_progress.tutorial_id = $3::VARCHAR AND tutorial_progress.user_id > $4::VARCHAR ORDER BY tutorial_progress.user_id
 LIMIT $5::INTEGER),
chapters AS MATERIALIZED
(SELECT jsonb_object_agg(counted.user_id, counted.count) AS counts
FROM (SELECT chapter_progress.user_id AS user_id, count(*) FILTER (WHERE chapter_progress.completed AND (outline.chapters IS NULL OR jsonb_exists(outline.chapters, chapter_progress.chapter_id))) AS count
FROM page JOIN chapter_progress ON chapter_progress.progress_id = page.id AND chapter_progress.user_id = page.user_id LEFT OUTER JOIN outline ON true
WHERE NOT page.is_current GROUP BY chapter_progress.user_id) AS counted),
quizzes AS MATERIALIZED
(SELECT jsonb_object_agg(counted.user_id, counted.count) AS counts
FROM (SELECT quiz_scores.user_id AS user_id, count(*) FILTER (WHERE quiz_scores.passed AND (outline.quizzes IS NULL OR jsonb_exists(outline.quizzes, quiz_scores.quiz_id))) AS count
FROM page JOIN quiz_scores ON quiz_scores.progress_id = page.id AND quiz_scores.user_id = page.user_id LEFT OUTER JOIN outline ON true GROUP BY quiz_scores.user_id) AS counted),
found AS MATERIALIZED
(SELECT page.user_id AS user_id, CASE WHEN (page.outline_updated_at IS NOT DISTINCT FROM outline.updated_at AND (outline.updated_at IS NULL OR coalesce(page.counted_at = page.updated_at, false))) THEN coalesce(page.completion_percentage, 0) ELSE CAST(CASE WHEN coalesce(page.certificate_earned, false) THEN 100 ELSE least(coalesce((coalesce(CAST(chapters.counts ->> page.user_id AS INTEGER), 0) * 100) / nullif(coalesce(cardinality(outline.chapter_ids), greatest(coalesce(page.total_chapters, 0), 0)), 0), 0), 100) END AS INTEGER) END AS percentage, CASE WHEN (page.outline_updated_at IS NOT DISTINCT FROM outline.updated_at AND (outline.updated_at IS NULL OR coalesce(page.counted_at = page.updated_at, false))) THEN coalesce(page.chapters_completed, 0) ELSE coalesce(CAST(chapters.counts ->> page.user_id AS INTEGER), 0) END AS chapters, CASE WHEN (page.outline_updated_at IS NOT DISTINCT FROM outline.updated_at AND (outline.updated_at IS NULL OR coalesce(page.counted_at = page.updated_at, false))) THEN coalesce(page.total_chapters, 0) ELSE coalesce(cardinality(outline.chapter_ids), greatest(coalesce(page.total_chapters, 0), 0)) END AS total, coalesce(CAST(quizzes.counts ->> page.user_id AS INTEGER), 0) AS passed, coalesce(page.certificate_earned, false) AS earned, coalesce(page.total_watch_time, 0) AS watch_time, page.last_watched_at AS last_watched_at
FROM page LEFT OUTER JOIN outline ON true JOIN chapters ON true JOIN quizzes ON true)
 SELECT coalesce(json_agg(json_build_array(found.user_id, found.percentage, found.chapters, found.total, found.passed, found.earned, found.watch_time, found.last_watched_at) ORDER BY found.user_id) FILTER (WHERE found.percentage >= $1::INTEGER AND found.percentage <= $2::INTEGER), '[]'::json) AS items, max(found.user_id) AS last, count(*) AS examined
FROM found;

-- ==== DELETE /<tutorialId>

-- Delete the row; the foreign keys cascade to its chapters, quizzes and keys.
-- $1 of_tutorial, $2 of_user
DELETE FROM tutorial_progress WHERE tutorial_progress.tutorial_id = $1::VARCHAR AND tutorial_progress.user_id = $2::VARCHAR;
