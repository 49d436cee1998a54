import Foundation
import Logging
import PrivatePostgres
import Subprocess
import Testing
import WaymarkTesting

#if canImport(System)
import System
#else
import SystemPackage
#endif

@Suite("FaultProxy in front of PostgreSQL", .timeLimit(.minutes(2)))
struct PostgresTests {
    @Test("a COMMIT whose answer is lost has happened; one that was cut off has not")
    func commit() async throws {
        let cluster = try await PrivateCluster.temporary(
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        let proxy = try await FaultProxy.start(upstream: .unix(cluster.socketDirectory + "/.s.PGSQL.5432"))
        let direct = cluster.connectionString
        let through = "host=\(proxy.host) port=\(proxy.port) user=postgres dbname=postgres sslmode=disable"
        #expect(try await psql(cluster, direct, "CREATE TABLE t (n int)").succeeded)

        proxy.cutAfter(pattern: "COMMIT", forward: true)
        let lost = try await psql(cluster, through, "BEGIN", "INSERT INTO t VALUES (1)", "COMMIT")
        #expect(!lost.succeeded)
        await proxy.waitForCut(count: 1)
        #expect(try await psql(cluster, direct, "SELECT n FROM t").output == "1")

        proxy.cutAfter(pattern: "COMMIT", forward: false)
        let early = try await psql(cluster, through, "BEGIN", "INSERT INTO t VALUES (2)", "COMMIT")
        #expect(!early.succeeded)
        await proxy.waitForCut(count: 2)
        #expect(try await psql(cluster, direct, "SELECT n FROM t").output == "1")

        #expect(try await psql(cluster, through, "BEGIN", "INSERT INTO t VALUES (3)", "COMMIT").succeeded)
        #expect(try await psql(cluster, direct, "SELECT n FROM t ORDER BY n").output == "1\n3")
        await proxy.stop()
        try await cluster.delete()
    }

    private func psql(
        _ cluster: PrivateCluster,
        _ connection: String,
        _ statements: String...
    ) async throws -> (succeeded: Bool, output: String) {
        let result = try await Subprocess.run(
            .path(FilePath(cluster.binaryDirectory + "/psql")),
            arguments: Arguments(["-X", "-q", "-A", "-t", "-d", connection] + statements.flatMap { ["-c", $0] }),
            output: .string(limit: 1 << 20),
            error: .discarded
        )
        let output = result.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)
        return (result.terminationStatus.isSuccess, output)
    }
}
