import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import PostgresPQ
import Subprocess
import Testing
import WaymarkTesting

/// The demo application's processes: some that nothing happens to, and for each ride one that something does.
struct ProcessStage: Sendable {
    struct Cell: Sendable, CustomStringConvertible {
        let boundary: CrashBoundary
        let fault: CrashFault

        var description: String {
            "\(fault.rawValue) at \(boundary.number) (\(boundary.kind.rawValue): \(boundary.text))"
        }
    }

    /// Long enough for a machine that is busy with two other rides, and short enough to be waited for.
    private static let lease = ["--lease-seconds", "2"]

    let database: TestDatabase
    let sandboxPort: Int
    /// Of the orchestrator that nothing happens to.
    let port: Int

    /// Runs `body` beside an orchestrator and a completionist.
    static func with(_ body: @escaping @Sendable (ProcessStage) async throws -> Void) async throws {
        try await TestDatabase.with { database in
            let migrated = try await TestProcess.with("waymark", ["migrate"], database: database.url) {
                try await $0.ended()
            }
            try #require(migrated.status == .exited(0), "\(migrated.log)")
            let ledger = ["--ledger", "{folder}/ledger"] + TestProcess.anyPort
            _ = try await TestProcess.with("sandbox", ledger, database: "") { sandbox in
                let sandboxPort = try await sandbox.port()
                let settings = settings(sandboxPort: sandboxPort)
                _ = try await TestProcess.with(
                    "waymark", ["completionist"] + lease, database: database.url, settings: settings
                ) { _ in
                    _ = try await TestProcess.with(
                        "waymark", ["orchestrator"] + lease + TestProcess.anyPort, database: database.url,
                        settings: settings
                    ) { orchestrator in
                        try await body(
                            ProcessStage(
                                database: database, sandboxPort: sandboxPort, port: orchestrator.port()))
                    }
                }
            }
        }
    }

    private static func settings(sandboxPort: Int) -> [String: String] {
        let base = "http://127.0.0.1:\(sandboxPort)"
        return ["STRIPE_API_BASE": base, "STRIPE_API_KEY": "sk_test", "MAIL_API_BASE": base]
    }

    /// Books one ride undisturbed.
    /// - Returns: its boundaries.
    func rehearse() async throws -> [CrashBoundary] {
        let gate = ProcessGate(plan: nil)
        try await withProcess(gate, name: "rehearsal") { _, port, _ in
            gate.begin()
            let answer = try await book("rehearsal", at: port)
            #expect(answer.status == 201)
        }
        return gate.trail
    }

    /// Books a ride through a process that is killed or stopped, and then through another one.
    /// - Returns: whether the boundary was reached.
    func perform(_ cell: Cell) async throws -> Bool {
        let gate = ProcessGate(plan: .init(cell.fault, at: cell.boundary.number))
        let name = "\(cell.fault.rawValue)-\(cell.boundary.number)"
        try await withProcess(gate, name: name) { process, port, proxy in
            gate.begin()
            let doomed = Task {
                defer { gate.finish() }
                return try await book(name, at: port)
            }
            await gate.waitUntilStill()
            if gate.struck == nil { return }
            if cell.fault == .crash {
                process.send(SIGKILL)
                try await process.ended()
                proxy.resetAll()
            } else {
                try await process.suspend()
            }
            let answer = try await eventually("the ride has its answer: \(cell)", within: .seconds(120)) {
                // As the server does by itself some time after its client has fallen silent.
                try await database.client.execute(
                    """
                    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE application_name = \(name) AND backend_xid IS NOT NULL
                    """)
                let answer = try await book(name, at: self.port)
                return [409, 503].contains(answer.status) ? nil : answer
            }
            #expect(answer.status == 201, "\(cell): \(answer)")
            if cell.fault == .crash {
                // What the dead process still had in its buffers goes nowhere.
                gate.end()
            } else {
                gate.thaw()
                process.send(SIGCONT)
            }
            // What the process that woke up tells its client, if it comes to that, is the same.
            if case .success(let told) = await doomed.result, told.status == 201 {
                #expect(told.body == answer.body, "\(cell)")
            }
            let repeated = try await book(name, at: self.port)
            #expect(repeated.body == answer.body, "\(cell)")
        }
        gate.end()
        return gate.struck != nil
    }

    private func withProcess(
        _ gate: ProcessGate, name: String, _ body: (TestProcess, _ port: Int, FaultProxy) async throws -> Void
    ) async throws {
        let postgres = try await gate.startPostgresTap(database.upstream)
        let foreign = try await gate.startForeignTap(.tcp(host: "127.0.0.1", port: sandboxPort))
        _ = try await TestProcess.with(
            "waymark", ["orchestrator"] + Self.lease + TestProcess.anyPort,
            database: "\(database.url(through: postgres)) application_name=\(name)",
            settings: Self.settings(sandboxPort: foreign.port)
        ) { process in
            defer { gate.end() }
            try await body(process, process.port(), postgres)
        }
        await postgres.stop()
        await foreign.stop()
    }

    struct Answer: Sendable {
        let status: Int
        let body: String
    }

    private func book(_ key: String, at port: Int) async throws -> Answer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/rides")
        request.method = .POST
        request.headers.add(name: "Authorization", value: "rider1@example.com")
        request.headers.add(name: "Idempotency-Key", value: key)
        request.headers.add(name: "Content-Type", value: "application/x-www-form-urlencoded")
        request.body = .bytes(ByteBuffer(string: "origin_lat=52.5&origin_lon=13.4&target_lat=52.6&target_lon=13.5"))
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        return Answer(
            status: Int(response.status.code), body: try await String(buffer: response.body.collect(upTo: 1 << 20)))
    }

    /// Holds our books against the payment service's when all is over.
    /// - Returns: how many charges there are too many.
    func check(rides expected: Int) async throws -> Int {
        let states = try await database.client.query("SELECT state FROM rocket_rides.rides").decode(String.self)
        #expect(states == Array(repeating: "booked", count: expected), "every ride is booked, once")
        let open = try await database.client.query(
            "SELECT key FROM waymark.keys WHERE NOT done OR lease_until > now()")
        #expect(open.isEmpty)
        let jobs = try await database.client.query("SELECT DISTINCT key_id FROM waymark.jobs").decode(UUID.self)
        #expect(jobs.count == expected, "a receipt for each")
        let response = try await HTTPClient.shared.execute(
            HTTPClientRequest(url: "http://127.0.0.1:\(sandboxPort)/ledger"), timeout: .seconds(30))
        let body = try await response.body.collect(upTo: 1 << 20)
        let books = try JSONDecoder().decode(Books.self, from: Data(body.readableBytesView))
        #expect(books.duplicateCharges == 0)
        #expect(books.charges == expected)
        return books.charges - expected
    }

    private struct Books: Decodable {
        let charges: Int
        let duplicateCharges: Int

        enum CodingKeys: String, CodingKey {
            case charges
            case duplicateCharges = "duplicate_charges"
        }
    }
}
