-- What learners left in a database that was made by hand, values at the edges among them.
INSERT INTO tutorial_progress (
    id, tutorial_id, user_id, completion_percentage, chapters_completed, total_chapters,
    certificate_eligible, certificate_earned, total_watch_time, last_watched_at
) VALUES
    ('00000000-0000-4000-8000-000000000001', 'intro', 'ada', 50, 1, 2, FALSE, FALSE, 90,
     '2026-01-02 03:04:05.678901'),
    ('00000000-0000-4000-8000-000000000002', 'intro', 'bob', 100, 2, 2, TRUE, TRUE, 2147483647,
     NULL);
INSERT INTO tutorial_progress (id, tutorial_id) VALUES
    ('00000000-0000-4000-8000-000000000003', 'nobody''s');
INSERT INTO chapter_progress (progress_id, chapter_id, watch_time, completed, last_position)
VALUES
    ('00000000-0000-4000-8000-000000000001', 'chapter-1', 60, TRUE, 59),
    ('00000000-0000-4000-8000-000000000001', 'chapter-2', 30, FALSE, 30);
INSERT INTO quiz_scores (progress_id, quiz_id, score, max_score, passed, attempts, completed_at)
VALUES
    ('00000000-0000-4000-8000-000000000001', 'quiz-1', 8, 10, TRUE, 3, '2026-01-02 03:04:05'),
    ('00000000-0000-4000-8000-000000000001', 'quiz-2', 0, 1, FALSE, 1, '2026-01-02 03:04:06');
