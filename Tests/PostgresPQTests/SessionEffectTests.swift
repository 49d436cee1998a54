import Testing

@testable import PostgresPQ

@Suite struct SessionEffectTests {
    @Test(arguments: [
        "SET statement_timeout = '2ms'", "set session app.tenant to 'a'", "SET TIME ZONE 'UTC'", "SET ROLE none",
        "-- a comment\n /* another /* inside */ */ SET x.y = 1", "RESET search_path", "LISTEN news", "LOAD 'plpgsql'",
        "PREPARE q AS SELECT 1", "DO $$ BEGIN END $$", "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
        "CREATE TEMP TABLE t (n int)", "create temporary view v as select 1", "CREATE TABLE pg_temp.t (n int)",
        "SELECT 1 AS n INTO TEMP t", "SELECT 1 AS n INTO pg_temp.t", "SELECT set_config('app.tenant', $1, false)",
        "SELECT Set_Config ('app.tenant', 'a, true)', $2)", "SELECT pg_advisory_lock($1)",
        "SELECT pg_catalog.pg_try_advisory_lock_shared(1, 2)", "WITH l AS (SELECT PG_ADVISORY_LOCK(1)) SELECT 1",
        "SELECT setseed(0.5)", "SELECT set_config('a.b', '1', true), set_config('a.c', '1', false)",
    ]) func whatSetsTheSession(_ sql: String) {
        #expect(PostgresQuery(unsafeSQL: sql).sessionEffect == .session)
    }

    @Test(arguments: [
        "SET LOCAL statement_timeout = '2ms'", "SET TRANSACTION READ ONLY", "SET CONSTRAINTS ALL DEFERRED",
        "SELECT set_config('app.tenant', $1, true)", "SELECT set_config('a.b', coalesce($1, 'x'), TRUE )",
        "CREATE TEMP TABLE t (n int) ON COMMIT DROP", "DECLARE c CURSOR FOR SELECT 1",
    ]) func whatSetsTheTransaction(_ sql: String) {
        #expect(PostgresQuery(unsafeSQL: sql).sessionEffect == .transaction)
    }

    @Test(arguments: [
        "", ";", "(", "SELECT 1", "UPDATE keys SET attempts = attempts + 1",
        "SELECT attempts, temp, temperature FROM t",
        "INSERT INTO settings (set_config) VALUES ($1)", "SELECT pg_advisory_xact_lock(1)", "COMMIT", "DISCARD ALL",
        "SELECT pg_advisory_unlock(1)", "PREPARE TRANSACTION 'a'", "SELECT my_set_config('a')",
        "CREATE TABLE t (n int)",
        "SELECT '(' || ')'", "/* never ends", "-- SET x = 1",
    ]) func whatSetsNothing(_ sql: String) {
        #expect(PostgresQuery(unsafeSQL: sql).sessionEffect == SessionEffect.none)
    }
}
