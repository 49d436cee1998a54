import Foundation
import PrivatePostgres
import Testing
import WaymarkTesting

@Suite("temporary()")
struct TemporaryTests {
    @Test("two stand side by side, and each goes without a trace")
    func sideBySide() async throws {
        async let one = PrivateCluster.temporary(logger: logger)
        async let other = PrivateCluster.temporary(logger: logger)
        let clusters = try await [one, other]
        #expect(clusters[0].connectionString != clusters[1].connectionString)
        _ = try await query(clusters[0], "CREATE TABLE mine (n int)")
        #expect(try await query(clusters[1], "SELECT to_regclass('mine') IS NULL") == "t")
        for cluster in clusters {
            try await cluster.delete()
            try await cluster.delete()
            #expect(!FileManager.default.fileExists(atPath: cluster.directory))
            #expect(cluster.postmasterPID == nil)
        }
    }

    @Test("stop, start, restart and kill -9 keep what was committed")
    func restarts() async throws {
        let cluster = try await PrivateCluster.temporary(settings: ["application_name": "it's"], logger: logger)
        #expect(try await query(cluster, "SHOW fsync") == "off")
        _ = try await query(cluster, "CREATE TABLE kept AS SELECT 1 AS n")
        for mode in PrivateCluster.StopMode.allCases {
            try await cluster.stop(mode)
            #expect(cluster.postmasterPID == nil)
            try await cluster.start()
        }
        let before = try #require(cluster.postmasterPID)
        try await cluster.start()
        #expect(cluster.postmasterPID == before)
        try await cluster.restart()
        let after = try #require(cluster.postmasterPID)
        #expect(after != before)
        kill(after, SIGKILL)
        try await eventually("the server is gone") { cluster.postmasterPID == nil }
        try await cluster.start()
        #expect(try await query(cluster, "SELECT n FROM kept") == "1")
        try await cluster.delete()
    }

    @Test("databases are made from templates and dropped")
    func databases() async throws {
        let cluster = try await PrivateCluster.temporary(logger: logger)
        try await cluster.createDatabase("first one")
        _ = try await query(cluster, "CREATE TABLE t AS SELECT 7 AS n", database: "first one")
        try await cluster.createDatabase("second", template: "first one")
        #expect(try await query(cluster, "SELECT n FROM t", database: "second") == "7")
        try await cluster.dropDatabase("second")
        try await cluster.dropDatabase("second")
        let failure = await #expect(throws: PrivatePostgresError.self) { try await cluster.createDatabase("postgres") }
        #expect(failure?.code == .commandFailed)
        try await cluster.delete()
    }

    @Test("started by root, the server is somebody else", .enabled(if: geteuid() == 0))
    func account() async throws {
        let cluster = try await PrivateCluster.temporary(logger: logger)
        var status = stat()
        #expect(stat("/proc/\(try #require(cluster.postmasterPID))", &status) == 0)
        #expect(status.st_uid != 0)
        #expect(stat(cluster.socketDirectory, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o700)
        try await cluster.delete()
    }
}
