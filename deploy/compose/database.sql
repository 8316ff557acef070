-- psql runs this once, in a new volume: the service gets a role of its own, which is no superuser. The superuser
-- postgres keeps no password and connects inside the container only: docker compose exec postgres psql -U postgres
\getenv password POSTGRES_PASSWORD
CREATE ROLE progress LOGIN PASSWORD :'password';
CREATE DATABASE progress OWNER progress;
ALTER ROLE CURRENT_USER PASSWORD NULL;
