import PrivatePostgres
import Testing
import WaymarkTesting

@Suite("standby(of:)")
struct StandbyTests {
    @Test("it follows its primary, takes no writes, and goes on alone once it is promoted")
    func followsAndTakesOver() async throws {
        let primary = try await PrivateCluster.temporary(logger: logger)
        _ = try await query(primary, "CREATE TABLE kept AS SELECT 1 AS n")
        let standby = try await PrivateCluster.standby(of: primary, logger: logger)
        _ = try await query(primary, "INSERT INTO kept VALUES (2)")
        try await eventually("it has the row") {
            try await query(standby, "SELECT count(*) FROM kept") == "2"
        }
        #expect(try await query(standby, "SHOW transaction_read_only") == "on")
        let failure = await #expect(throws: PrivatePostgresError.self) { try await primary.promote() }
        #expect(failure?.code == .startFailed)
        try await primary.stop(.immediate)
        try await standby.promote()
        _ = try await query(standby, "INSERT INTO kept VALUES (3)")
        #expect(try await query(standby, "SELECT count(*) FROM kept") == "3")
        try await standby.restart()
        #expect(try await query(standby, "SELECT pg_is_in_recovery()") == "f", "also when it starts again")
        for cluster in [standby, primary] { try await cluster.delete() }
    }
}
