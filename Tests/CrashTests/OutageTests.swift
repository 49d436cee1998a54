import AsyncHTTPClient
import Foundation
import Logging
import NIOHTTP1
import PostgresPQ
import PrivatePostgres
import Subprocess
import Testing
import WaymarkTesting

/// PostgreSQL stopped without warning (`-m immediate`) while a card is being charged, and started again.
@Suite struct OutageTests {
    @Test func theRideGoesOnWhereItWas() async throws {
        var logger = Logger(label: "test")
        logger.logLevel = .error
        let cluster = try await PrivateCluster.temporary(logger: logger)
        try await withPostgres(cluster.connectionString) { client in
            let database = TestDatabase(url: cluster.connectionString, client: client)
            let sandbox = ["--ledger", "{folder}/ledger", "--delay-ms", "1500"] + TestProcess.anyPort
            _ = try await TestProcess.with("sandbox", sandbox, database: "") { sandbox in
                let world = try await KillTests.World(database: database, sandboxPort: sandbox.port())
                let ended = try await world.orchestrator { orchestrator in
                    let port = try await orchestrator.port()
                    let answer = Task { try await world.book(port: port) }
                    try await eventually("the ride is on record, and being charged") {
                        try await world.recoveryPoint() == "ride_created"
                    }
                    try await cluster.restart(.immediate)
                    #expect(try await answer.value.status == .created, "the client never hears of it")
                }
                #expect(ended.status == .exited(0))
                #expect(try await world.finish() == .created)
                let journal = try await client.query(
                    "SELECT jsonb_array_length(journal), fence FROM waymark.keys"
                ).decode((Int, Int).self)
                #expect(journal.map(\.0) == [3])
            }
        }
        try await cluster.delete()
    }
}
