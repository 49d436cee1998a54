import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import PostgresPQ
import Subprocess
import Testing
import WaymarkTesting

/// The demo application's processes against the real sandbox, killed and stopped in the middle of a charge.
@Suite struct KillTests {
    /// Signals, and whether the process gets to give its key back.
    @Test(arguments: [SIGKILL, SIGTERM])
    func aChargeUnderWayIsFinishedByAnotherProcess(signal: Int32) async throws {
        try await TestDatabase.with { database in
            let seconds = 2
            let sandbox = try await TestProcess.with(
                "sandbox", ["--ledger", "{folder}/ledger", "--delay-ms", "\(seconds * 1000)"] + TestProcess.anyPort,
                database: database.url
            ) { sandbox in
                let world = try await World(database: database, sandboxPort: sandbox.port())
                let first = try await world.orchestrator { orchestrator in
                    let port = try await orchestrator.port()
                    let answer = Task { try await world.book(port: port) }
                    try await eventually("the ride is on record, and being charged") {
                        try await world.recoveryPoint() == "ride_created"
                    }
                    orchestrator.send(signal)
                    _ = await answer.result
                }
                #expect(first.status == (signal == SIGKILL ? .signaled(SIGKILL) : .exited(0)))
                let status = try await world.finish()
                #expect(status == .created)
            }
            #expect(sandbox.status == .exited(0))
        }
    }

    /// A database with the demo's tables, and a sandbox to charge.
    struct World: Sendable {
        let database: TestDatabase
        let sandboxPort: Int

        init(database: TestDatabase, sandboxPort: Int) async throws {
            self.database = database
            self.sandboxPort = sandboxPort
            let migrated = try await TestProcess.with("waymark", ["migrate"], database: database.url) {
                try await $0.ended()
            }
            #expect(migrated.status == .exited(0), "\(migrated.log)")
        }

        func orchestrator<Result: Sendable>(
            _ body: (TestProcess) async throws -> Result
        ) async throws -> TestProcess.Ended<Result> {
            let base = "http://127.0.0.1:\(sandboxPort)"
            return try await TestProcess.with(
                "waymark", ["orchestrator", "--lease-seconds", "1"] + TestProcess.anyPort, database: database.url,
                settings: ["STRIPE_API_BASE": base, "STRIPE_API_KEY": "sk_test", "MAIL_API_BASE": base], body)
        }

        func recoveryPoint() async throws -> String? {
            try await database.client.query("SELECT recovery_point FROM waymark.keys").decode(String.self).first
        }

        /// Asks another orchestrator with the same key until it has the answer; then checks both ledgers.
        func finish() async throws -> HTTPResponseStatus {
            let second = try await orchestrator { orchestrator in
                let port = try await orchestrator.port()
                return try await eventually("the ride is booked") {
                    let answer = try await book(port: port)
                    return [409, 503].contains(answer.status.code) ? nil : answer.status
                }
            }
            let rides = try await database.client.query("SELECT state FROM rocket_rides.rides").decode(String.self)
            #expect(rides == ["booked"])
            let charges = try await HTTPClient.shared.execute(
                HTTPClientRequest(url: "http://127.0.0.1:\(sandboxPort)/ledger"), timeout: .seconds(30))
            let ledger = try await String(buffer: charges.body.collect(upTo: 1 << 20))
            #expect(ledger.contains(#""charges":1"#), "\(ledger)")
            return second.result
        }

        func book(port: Int) async throws -> HTTPClientResponse {
            var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/rides")
            request.method = .POST
            request.headers.add(name: "Authorization", value: "rider1@example.com")
            request.headers.add(name: "Idempotency-Key", value: "ride-1")
            request.headers.add(name: "Content-Type", value: "application/x-www-form-urlencoded")
            request.body = .bytes(
                ByteBuffer(string: "origin_lat=52.5&origin_lon=13.4&target_lat=52.6&target_lon=13.5"))
            return try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        }
    }
}
