-- What `progress-api distribute` runs on a Citus coordinator, in one transaction. Written by
-- `python -m tests.docs.distribute`; a test compares it with the code. What it does and costs is in
-- scaling.md. Run the command where you can: it first checks what this file takes for granted, and
-- ends the transaction if it takes longer than it may.

BEGIN;
SET LOCAL lock_timeout = '3s';
LOCK TABLE tutorial_progress, chapter_progress, quiz_scores, quiz_attempt_keys, tutorial_certificates, tutorial_outlines IN ACCESS EXCLUSIVE MODE;
ALTER TABLE chapter_progress DROP CONSTRAINT chapter_progress_progress_id_fkey;
ALTER TABLE quiz_scores DROP CONSTRAINT quiz_scores_progress_id_fkey;
ALTER TABLE quiz_attempt_keys DROP CONSTRAINT quiz_attempt_keys_quiz_score_id_fkey;
DROP TRIGGER IF EXISTS progress_fill_user_id ON chapter_progress;
DROP TRIGGER IF EXISTS progress_fill_user_id ON quiz_scores;
DROP TRIGGER IF EXISTS progress_fill_user_id ON quiz_attempt_keys;
DROP FUNCTION IF EXISTS progress_fill_user_id();
ALTER TABLE tutorial_progress DROP CONSTRAINT tutorial_progress_pkey;
ALTER TABLE tutorial_progress ADD CONSTRAINT tutorial_progress_pkey PRIMARY KEY (user_id, id);
ALTER TABLE chapter_progress DROP CONSTRAINT chapter_progress_pkey;
ALTER TABLE chapter_progress ADD CONSTRAINT chapter_progress_pkey PRIMARY KEY (user_id, id);
ALTER TABLE chapter_progress DROP CONSTRAINT chapter_progress_progress_id_chapter_id_key;
ALTER TABLE chapter_progress ADD CONSTRAINT chapter_progress_progress_id_chapter_id_key UNIQUE (user_id, progress_id, chapter_id);
ALTER TABLE quiz_scores DROP CONSTRAINT quiz_scores_pkey;
ALTER TABLE quiz_scores ADD CONSTRAINT quiz_scores_pkey PRIMARY KEY (user_id, id);
ALTER TABLE quiz_scores DROP CONSTRAINT quiz_scores_progress_id_quiz_id_key;
ALTER TABLE quiz_scores ADD CONSTRAINT quiz_scores_progress_id_quiz_id_key UNIQUE (user_id, progress_id, quiz_id);
ALTER TABLE quiz_attempt_keys DROP CONSTRAINT quiz_attempt_keys_pkey;
ALTER TABLE quiz_attempt_keys ADD CONSTRAINT quiz_attempt_keys_pkey PRIMARY KEY (user_id, quiz_score_id, attempt_key);
ALTER TABLE tutorial_certificates DROP CONSTRAINT tutorial_certificates_pkey;
ALTER TABLE tutorial_certificates ADD CONSTRAINT tutorial_certificates_pkey PRIMARY KEY (id, user_id);
SELECT create_distributed_table('tutorial_progress', 'user_id', 'hash', 'none', 32) AS create_distributed_table_1;
SELECT create_distributed_table('chapter_progress', 'user_id', 'hash', 'tutorial_progress') AS create_distributed_table_1;
SELECT create_distributed_table('quiz_scores', 'user_id', 'hash', 'tutorial_progress') AS create_distributed_table_1;
SELECT create_distributed_table('quiz_attempt_keys', 'user_id', 'hash', 'tutorial_progress') AS create_distributed_table_1;
SELECT create_distributed_table('tutorial_certificates', 'user_id', 'hash', 'tutorial_progress') AS create_distributed_table_1;
SELECT create_reference_table('tutorial_outlines') AS create_reference_table_1;
ALTER TABLE chapter_progress ADD CONSTRAINT chapter_progress_progress_id_fkey FOREIGN KEY(user_id, progress_id) REFERENCES tutorial_progress (user_id, id) ON DELETE CASCADE;
ALTER TABLE quiz_scores ADD CONSTRAINT quiz_scores_progress_id_fkey FOREIGN KEY(user_id, progress_id) REFERENCES tutorial_progress (user_id, id) ON DELETE CASCADE;
ALTER TABLE quiz_attempt_keys ADD CONSTRAINT quiz_attempt_keys_quiz_score_id_fkey FOREIGN KEY(user_id, quiz_score_id) REFERENCES quiz_scores (user_id, id) ON DELETE CASCADE;
COMMIT;
