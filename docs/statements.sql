-- Every statement that a request sends to PostgreSQL, as it is prepared.
-- Written by `python -m tests.docs.statements`; a test compares it with the code.
--
-- A request is one batch in one transaction. Each statement finds its rows by tutorial and learner,
-- so the EXECUTEs of a batch travel in one round trip. In psql, each statement can follow EXPLAIN
-- after its parameters are replaced.

-- ==== GET /<tutorialId>

-- Read the stored counts and both lists in one snapshot, so that they agree.
-- $1 of_tutorial, $2 of_user
SELECT tutorial_progress.tutorial_id AS tutorial_id, tutorial_progress.user_id AS user_id, coalesce(tutorial_progress.completion_percentage, 0) AS completion_percentage, coalesce(tutorial_progress.chapters_completed, 0) AS chapters_completed, coalesce(tutorial_progress.total_chapters, 0) AS total_chapters, chapters.listed AS chapters, quizzes.listed AS quizzes, coalesce(tutorial_progress.certificate_eligible, false) AS certificate_eligible, coalesce(tutorial_progress.certificate_earned, false) AS certificate_earned, coalesce(tutorial_progress.total_watch_time, 0) AS total_watch_time, tutorial_progress.last_watched_at AS last_watched_at
FROM tutorial_progress JOIN LATERAL (SELECT count(*) FILTER (WHERE chapter_progress.completed) AS completed, coalesce(sum(chapter_progress.watch_time), 0) AS watch_time, max(chapter_progress.updated_at) AS latest, coalesce(json_agg(json_build_array(chapter_progress.chapter_id, coalesce(chapter_progress.watch_time, 0), coalesce(chapter_progress.completed, false), coalesce(chapter_progress.last_position, 0)) ORDER BY chapter_progress.created_at, chapter_progress.chapter_id), '[]'::json) AS listed
FROM chapter_progress
WHERE chapter_progress.progress_id = tutorial_progress.id) AS chapters ON true JOIN LATERAL (SELECT count(*) AS recorded, count(*) FILTER (WHERE quiz_scores.passed) AS passed, max(quiz_scores.updated_at) AS latest, coalesce(json_agg(json_build_array(quiz_scores.quiz_id, quiz_scores.score, quiz_scores.max_score, quiz_scores.passed, coalesce(quiz_scores.attempts, 1), quiz_scores.completed_at) ORDER BY quiz_scores.created_at, quiz_scores.quiz_id), '[]'::json) AS listed
FROM quiz_scores
WHERE quiz_scores.progress_id = tutorial_progress.id) AS quizzes ON true
WHERE tutorial_progress.tutorial_id = $1::VARCHAR AND tutorial_progress.user_id = $2::VARCHAR;

-- ==== POST /<tutorialId>/chapter

-- Take the learner's row, and create it if it is missing. On a conflict the row is locked but not
-- updated, so concurrent writers queue here and no dead row is left.
-- $1 of_tutorial, $2 of_user
INSERT INTO tutorial_progress (tutorial_id, user_id, created_at, updated_at) VALUES ($1::VARCHAR, $2::VARCHAR, timezone('UTC', now()), timezone('UTC', now())) ON CONFLICT (tutorial_id, user_id) DO UPDATE SET updated_at = excluded.updated_at WHERE false;

-- Record the chapter, unless the learner has as many chapters as the limit allows.
-- $1 of_chapter, $2 watch_time, $3 completed, $4 last_position, $5 of_tutorial, $6 of_user, $7 limit, $8 sticky
INSERT INTO chapter_progress (progress_id, chapter_id, watch_time, completed, last_position, created_at, updated_at) SELECT tutorial_progress.id, $1::VARCHAR AS anon_1, $2::INTEGER AS anon_2, coalesce($3::BOOLEAN, false) AS coalesce_1, $4::INTEGER AS anon_3, greatest(timezone('UTC', now()), tutorial_progress.updated_at + interval '1 microsecond') AS greatest_1, greatest(timezone('UTC', now()), tutorial_progress.updated_at + interval '1 microsecond') AS greatest__1
FROM tutorial_progress
WHERE tutorial_progress.tutorial_id = $5::VARCHAR AND tutorial_progress.user_id = $6::VARCHAR AND ((SELECT true
FROM chapter_progress
WHERE chapter_progress.progress_id = tutorial_progress.id AND chapter_progress.chapter_id = $1::VARCHAR) OR (SELECT count(*) AS count_1
FROM chapter_progress
WHERE chapter_progress.progress_id = tutorial_progress.id) < $7::INTEGER) ON CONFLICT (progress_id, chapter_id) DO UPDATE SET watch_time = greatest(chapter_progress.watch_time, excluded.watch_time), completed = (coalesce($3::BOOLEAN, coalesce(chapter_progress.completed, false)) OR $8::BOOLEAN AND coalesce(chapter_progress.completed, false)), last_position = excluded.last_position, updated_at = excluded.updated_at;

-- Count what is below the row, under its lock, and return the progress. It is a later statement
-- than the one that waited for the lock, so it sees what the writer before it committed.
-- $1 total_chapters, $2 of_tutorial, $3 of_user, $4 of_chapter
UPDATE tutorial_progress SET completion_percentage=CAST(CASE WHEN coalesce(tutorial_progress.certificate_earned, false) THEN 100 ELSE least(coalesce((current.chapters_completed * 100) / nullif(greatest(coalesce(tutorial_progress.total_chapters, 0), $1::INTEGER), 0), 0), 100) END AS INTEGER), chapters_completed=current.chapters_completed, total_chapters=greatest(coalesce(tutorial_progress.total_chapters, 0), $1::INTEGER), certificate_eligible=(CAST(CASE WHEN coalesce(tutorial_progress.certificate_earned, false) THEN 100 ELSE least(coalesce((current.chapters_completed * 100) / nullif(greatest(coalesce(tutorial_progress.total_chapters, 0), $1::INTEGER), 0), 0), 100) END AS INTEGER) >= 95 AND current.quizzes_passed = current.quizzes_recorded), total_watch_time=CAST(least(current.watch_time, 2147483647) AS INTEGER), last_watched_at=greatest(tutorial_progress.last_watched_at, current.latest), updated_at=greatest(tutorial_progress.updated_at, current.latest) FROM (SELECT stored.id AS id, stored.updated_at AS updated_at, coalesce(stored.certificate_earned, false) AS was_earned, coalesce(stored.chapters_completed, 0) AS completed_before, chapters.completed AS chapters_completed, chapters.watch_time AS watch_time, greatest(chapters.latest, quizzes.latest) AS latest, chapters.listed AS chapters, quizzes.recorded AS quizzes_recorded, quizzes.passed AS quizzes_passed, quizzes.listed AS quizzes
FROM tutorial_progress AS stored JOIN LATERAL (SELECT count(*) FILTER (WHERE chapter_progress.completed) AS completed, coalesce(sum(chapter_progress.watch_time), 0) AS watch_time, max(chapter_progress.updated_at) AS latest, coalesce(json_agg(json_build_array(chapter_progress.chapter_id, coalesce(chapter_progress.watch_time, 0), coalesce(chapter_progress.completed, false), coalesce(chapter_progress.last_position, 0)) ORDER BY chapter_progress.created_at, chapter_progress.chapter_id), '[]'::json) AS listed
FROM chapter_progress
WHERE chapter_progress.progress_id = stored.id) AS chapters ON true JOIN LATERAL (SELECT count(*) AS recorded, count(*) FILTER (WHERE quiz_scores.passed) AS passed, max(quiz_scores.updated_at) AS latest, coalesce(json_agg(json_build_array(quiz_scores.quiz_id, quiz_scores.score, quiz_scores.max_score, quiz_scores.passed, coalesce(quiz_scores.attempts, 1), quiz_scores.completed_at) ORDER BY quiz_scores.created_at, quiz_scores.quiz_id), '[]'::json) AS listed
FROM quiz_scores
WHERE quiz_scores.progress_id = stored.id) AS quizzes ON true
WHERE stored.tutorial_id = $2::VARCHAR AND stored.user_id = $3::VARCHAR) AS current WHERE tutorial_progress.tutorial_id = $2::VARCHAR AND tutorial_progress.user_id = $3::VARCHAR AND tutorial_progress.id = current.id AND (SELECT true
FROM chapter_progress
WHERE chapter_progress.progress_id = tutorial_progress.id AND chapter_progress.chapter_id = $4::VARCHAR) RETURNING tutorial_progress.tutorial_id AS tutorial_id, tutorial_progress.user_id AS user_id, coalesce(tutorial_progress.completion_percentage, 0) AS completion_percentage, coalesce(tutorial_progress.chapters_completed, 0) AS chapters_completed, coalesce(tutorial_progress.total_chapters, 0) AS total_chapters, current.chapters AS chapters, current.quizzes AS quizzes, coalesce(tutorial_progress.certificate_eligible, false) AS certificate_eligible, coalesce(tutorial_progress.certificate_earned, false) AS certificate_earned, coalesce(tutorial_progress.total_watch_time, 0) AS total_watch_time, tutorial_progress.last_watched_at AS last_watched_at, tutorial_progress.updated_at IS DISTINCT FROM current.updated_at AS is_recorded, greatest(coalesce(tutorial_progress.chapters_completed, 0) - current.completed_before, 0) AS newly_completed;

-- ==== POST /<tutorialId>/quiz

-- Take the learner's row, and create it if it is missing. On a conflict the row is locked but not
-- updated, so concurrent writers queue here and no dead row is left.
-- $1 of_tutorial, $2 of_user
INSERT INTO tutorial_progress (tutorial_id, user_id, created_at, updated_at) VALUES ($1::VARCHAR, $2::VARCHAR, timezone('UTC', now()), timezone('UTC', now())) ON CONFLICT (tutorial_id, user_id) DO UPDATE SET updated_at = excluded.updated_at WHERE false;

-- Record the attempt, unless its key is known or the limit of quizzes is reached.
-- $1 of_quiz, $2 score, $3 max_score, $4 passed, $5 of_tutorial, $6 of_user, $7 limit, $8 attempt_keys
INSERT INTO quiz_scores (progress_id, quiz_id, score, max_score, passed, completed_at, created_at, updated_at) SELECT tutorial_progress.id, $1::VARCHAR AS anon_1, $2::INTEGER AS anon_2, $3::INTEGER AS anon_3, $4::BOOLEAN AS anon_4, greatest(timezone('UTC', now()), tutorial_progress.updated_at + interval '1 microsecond') AS greatest_1, greatest(timezone('UTC', now()), tutorial_progress.updated_at + interval '1 microsecond') AS greatest__1, greatest(timezone('UTC', now()), tutorial_progress.updated_at + interval '1 microsecond') AS greatest__2
FROM tutorial_progress
WHERE tutorial_progress.tutorial_id = $5::VARCHAR AND tutorial_progress.user_id = $6::VARCHAR AND ((SELECT true
FROM quiz_scores
WHERE quiz_scores.progress_id = tutorial_progress.id AND quiz_scores.quiz_id = $1::VARCHAR) OR (SELECT count(*) AS count_1
FROM quiz_scores
WHERE quiz_scores.progress_id = tutorial_progress.id) < $7::INTEGER) AND NOT (EXISTS (SELECT *
FROM quiz_attempt_keys
WHERE quiz_attempt_keys.quiz_score_id = (SELECT quiz_scores.id
FROM quiz_scores
WHERE quiz_scores.progress_id = tutorial_progress.id AND quiz_scores.quiz_id = $1::VARCHAR) AND quiz_attempt_keys.attempt_key = any(CAST($8::VARCHAR AS UUID[])))) ON CONFLICT (progress_id, quiz_id) DO UPDATE SET score = CASE WHEN (CAST(excluded.score AS BIGINT) * quiz_scores.max_score > CAST(quiz_scores.score AS BIGINT) * excluded.max_score) THEN excluded.score ELSE quiz_scores.score END, max_score = CASE WHEN (CAST(excluded.score AS BIGINT) * quiz_scores.max_score > CAST(quiz_scores.score AS BIGINT) * excluded.max_score) THEN excluded.max_score ELSE quiz_scores.max_score END, passed = (quiz_scores.passed OR excluded.passed), attempts = CAST(least(CAST(coalesce(quiz_scores.attempts, 1) AS BIGINT) + 1, 2147483647) AS INTEGER), completed_at = excluded.completed_at, updated_at = excluded.updated_at;

-- Remember the keys of the attempt, after it was counted by them.
-- $1 attempt_keys, $2 of_tutorial, $3 of_user, $4 of_quiz
INSERT INTO quiz_attempt_keys (quiz_score_id, attempt_key) SELECT quiz_scores.id, unnest(CAST($1::VARCHAR AS UUID[])) AS unnest_1
FROM quiz_scores
WHERE quiz_scores.progress_id = (SELECT tutorial_progress.id
FROM tutorial_progress
WHERE tutorial_progress.tutorial_id = $2::VARCHAR AND tutorial_progress.user_id = $3::VARCHAR) AND quiz_scores.quiz_id = $4::VARCHAR ON CONFLICT DO NOTHING;

-- Count what is below the row, under its lock, and return the progress. It is a later statement
-- than the one that waited for the lock, so it sees what the writer before it committed.
-- $1 of_tutorial, $2 of_user, $3 of_quiz
UPDATE tutorial_progress SET completion_percentage=CAST(CASE WHEN coalesce(tutorial_progress.certificate_earned, false) THEN 100 ELSE least(coalesce((current.chapters_completed * 100) / nullif(greatest(coalesce(tutorial_progress.total_chapters, 0), 0), 0), 0), 100) END AS INTEGER), chapters_completed=current.chapters_completed, total_chapters=greatest(coalesce(tutorial_progress.total_chapters, 0), 0), certificate_eligible=(CAST(CASE WHEN coalesce(tutorial_progress.certificate_earned, false) THEN 100 ELSE least(coalesce((current.chapters_completed * 100) / nullif(greatest(coalesce(tutorial_progress.total_chapters, 0), 0), 0), 0), 100) END AS INTEGER) >= 95 AND current.quizzes_passed = current.quizzes_recorded), total_watch_time=CAST(least(current.watch_time, 2147483647) AS INTEGER), last_watched_at=greatest(tutorial_progress.last_watched_at, current.latest), updated_at=greatest(tutorial_progress.updated_at, current.latest) FROM (SELECT stored.id AS id, stored.updated_at AS updated_at, coalesce(stored.certificate_earned, false) AS was_earned, coalesce(stored.chapters_completed, 0) AS completed_before, chapters.completed AS chapters_completed, chapters.watch_time AS watch_time, greatest(chapters.latest, quizzes.latest) AS latest, chapters.listed AS chapters, quizzes.recorded AS quizzes_recorded, quizzes.passed AS quizzes_passed, quizzes.listed AS quizzes
FROM tutorial_progress AS stored JOIN LATERAL (SELECT count(*) FILTER (WHERE chapter_progress.completed) AS completed, coalesce(sum(chapter_progress.watch_time), 0) AS watch_time, max(chapter_progress.updated_at) AS latest, coalesce(json_agg(json_build_array(chapter_progress.chapter_id, coalesce(chapter_progress.watch_time, 0), coalesce(chapter_progress.completed, false), coalesce(chapter_progress.last_position, 0)) ORDER BY chapter_progress.created_at, chapter_progress.chapter_id), '[]'::json) AS listed
FROM chapter_progress
WHERE chapter_progress.progress_id = stored.id) AS chapters ON true JOIN LATERAL (SELECT count(*) AS recorded, count(*) FILTER (WHERE quiz_scores.passed) AS passed, max(quiz_scores.updated_at) AS latest, coalesce(json_agg(json_build_array(quiz_scores.quiz_id, quiz_scores.score, quiz_scores.max_score, quiz_scores.passed, coalesce(quiz_scores.attempts, 1), quiz_scores.completed_at) ORDER BY quiz_scores.created_at, quiz_scores.quiz_id), '[]'::json) AS listed
FROM quiz_scores
WHERE quiz_scores.progress_id = stored.id) AS quizzes ON true
WHERE stored.tutorial_id = $1::VARCHAR AND stored.user_id = $2::VARCHAR) AS current WHERE tutorial_progress.tutorial_id = $1::VARCHAR AND tutorial_progress.user_id = $2::VARCHAR AND tutorial_progress.id = current.id AND (SELECT true
FROM quiz_scores
WHERE quiz_scores.progress_id = tutorial_progress.id AND quiz_scores.quiz_id = $3::VARCHAR) RETURNING tutorial_progress.tutorial_id AS tutorial_id, tutorial_progress.user_id AS user_id, coalesce(tutorial_progress.completion_percentage, 0) AS completion_percentage, coalesce(tutorial_progress.chapters_completed, 0) AS chapters_completed, coalesce(tutorial_progress.total_chapters, 0) AS total_chapters, current.chapters AS chapters, current.quizzes AS quizzes, coalesce(tutorial_progress.certificate_eligible, false) AS certificate_eligible, coalesce(tutorial_progress.certificate_earned, false) AS certificate_earned, coalesce(tutorial_progress.total_watch_time, 0) AS total_watch_time, tutorial_progress.last_watched_at AS last_watched_at, tutorial_progress.updated_at IS DISTINCT FROM current.updated_at AS is_recorded, greatest(coalesce(tutorial_progress.chapters_completed, 0) - current.completed_before, 0) AS newly_completed;

-- ==== POST /<tutorialId>/complete

-- Lock the learner's row: what decides must not change before the decision is written.
-- $1 of_tutorial, $2 of_user
SELECT tutorial_progress.id
FROM tutorial_progress
WHERE tutorial_progress.tutorial_id = $1::VARCHAR AND tutorial_progress.user_id = $2::VARCHAR FOR NO KEY UPDATE;

-- Decide by the chapters and quizzes as they are recorded, and earn the certificate.
-- $1 of_tutorial, $2 of_user
UPDATE tutorial_progress SET completion_percentage=CAST(CASE WHEN coalesce(coalesce(tutorial_progress.certificate_earned, false) OR CAST(CASE WHEN coalesce(tutorial_progress.certificate_earned, false) THEN 100 ELSE least(coalesce((current.chapters_completed * 100) / nullif(coalesce(tutorial_progress.total_chapters, 0), 0), 0), 100) END AS INTEGER) >= 95 AND current.quizzes_passed = current.quizzes_recorded, false) THEN 100 ELSE least(coalesce((current.chapters_completed * 100) / nullif(coalesce(tutorial_progress.total_chapters, 0), 0), 0), 100) END AS INTEGER), certificate_eligible=(CAST(CASE WHEN coalesce(tutorial_progress.certificate_earned, false) THEN 100 ELSE least(coalesce((current.chapters_completed * 100) / nullif(coalesce(tutorial_progress.total_chapters, 0), 0), 0), 100) END AS INTEGER) >= 95 AND current.quizzes_passed = current.quizzes_recorded), certificate_earned=(coalesce(tutorial_progress.certificate_earned, false) OR CAST(CASE WHEN coalesce(tutorial_progress.certificate_earned, false) THEN 100 ELSE least(coalesce((current.chapters_completed * 100) / nullif(coalesce(tutorial_progress.total_chapters, 0), 0), 0), 100) END AS INTEGER) >= 95 AND current.quizzes_passed = current.quizzes_recorded), last_watched_at=CASE WHEN ((coalesce(tutorial_progress.certificate_earned, false) OR CAST(CASE WHEN coalesce(tutorial_progress.certificate_earned, false) THEN 100 ELSE least(coalesce((current.chapters_completed * 100) / nullif(coalesce(tutorial_progress.total_chapters, 0), 0), 0), 100) END AS INTEGER) >= 95 AND current.quizzes_passed = current.quizzes_recorded) AND NOT current.was_earned) THEN greatest(timezone('UTC', now()), tutorial_progress.updated_at + interval '1 microsecond') ELSE tutorial_progress.last_watched_at END, updated_at=CASE WHEN ((coalesce(tutorial_progress.certificate_earned, false) OR CAST(CASE WHEN coalesce(tutorial_progress.certificate_earned, false) THEN 100 ELSE least(coalesce((current.chapters_completed * 100) / nullif(coalesce(tutorial_progress.total_chapters, 0), 0), 0), 100) END AS INTEGER) >= 95 AND current.quizzes_passed = current.quizzes_recorded) AND NOT current.was_earned) THEN greatest(timezone('UTC', now()), tutorial_progress.updated_at + interval '1 microsecond') ELSE tutorial_progress.updated_at END FROM (SELECT stored.id AS id, stored.updated_at AS updated_at, coalesce(stored.certificate_earned, false) AS was_earned, coalesce(stored.chapters_completed, 0) AS completed_before, chapters.completed AS chapters_completed, chapters.watch_time AS watch_time, greatest(chapters.latest, quizzes.latest) AS latest, chapters.listed AS chapters, quizzes.recorded AS quizzes_recorded, quizzes.passed AS quizzes_passed, quizzes.listed AS quizzes
FROM tutorial_progress AS stored JOIN LATERAL (SELECT count(*) FILTER (WHERE chapter_progress.completed) AS completed, coalesce(sum(chapter_progress.watch_time), 0) AS watch_time, max(chapter_progress.updated_at) AS latest, coalesce(json_agg(json_build_array(chapter_progress.chapter_id, coalesce(chapter_progress.watch_time, 0), coalesce(chapter_progress.completed, false), coalesce(chapter_progress.last_position, 0)) ORDER BY chapter_progress.created_at, chapter_progress.chapter_id), '[]'::json) AS listed
FROM chapter_progress
WHERE chapter_progress.progress_id = stored.id) AS chapters ON true JOIN LATERAL (SELECT count(*) AS recorded, count(*) FILTER (WHERE quiz_scores.passed) AS passed, max(quiz_scores.updated_at) AS latest, coalesce(json_agg(json_build_array(quiz_scores.quiz_id, quiz_scores.score, quiz_scores.max_score, quiz_scores.passed, coalesce(quiz_scores.attempts, 1), quiz_scores.completed_at) ORDER BY quiz_scores.created_at, quiz_scores.quiz_id), '[]'::json) AS listed
FROM quiz_scores
WHERE quiz_scores.progress_id = stored.id) AS quizzes ON true
WHERE stored.tutorial_id = $1::VARCHAR AND stored.user_id = $2::VARCHAR) AS current WHERE tutorial_progress.tutorial_id = $1::VARCHAR AND tutorial_progress.user_id = $2::VARCHAR AND tutorial_progress.id = current.id AND tutorial_progress.updated_at IS NOT DISTINCT FROM current.updated_at RETURNING tutorial_progress.tutorial_id AS tutorial_id, tutorial_progress.user_id AS user_id, coalesce(tutorial_progress.completion_percentage, 0) AS completion_percentage, coalesce(tutorial_progress.chapters_completed, 0) AS chapters_completed, coalesce(tutorial_progress.total_chapters, 0) AS total_chapters, current.chapters AS chapters, current.quizzes AS quizzes, coalesce(tutorial_progress.certificate_eligible, false) AS certificate_eligible, coalesce(tutorial_progress.certificate_earned, false) AS certificate_earned, coalesce(tutorial_progress.total_watch_time, 0) AS total_watch_time, tutorial_progress.last_watched_at AS last_watched_at, tutorial_progress.certificate_earned AND NOT current.was_earned AS newly_earned;

-- ==== DELETE /<tutorialId>

-- Delete the row; the foreign keys cascade to its chapters, quizzes and keys.
-- $1 of_tutorial, $2 of_user
DELETE FROM tutorial_progress WHERE tutorial_progress.tutorial_id = $1::VARCHAR AND tutorial_progress.user_id = $2::VARCHAR;
