import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import PostgresPQ
import Subprocess
import Testing
import WaymarkTesting

/// A process that is stopped past its lease, in the middle of a phase, and then continued: real processes, real signals.
@Suite struct ZombieTests {
    @Test func itsPhaseLeavesNoTrace() async throws {
        try await TestDatabase.with { database in
            _ = try await TestProcess.with("crash-fixture", ["migrate"], database: database.url) {
                try await $0.ended()
            }
            let zombie = try await TestProcess.with(
                "crash-fixture", ["orchestrator", "--lease-seconds", "1"] + TestProcess.anyPort, database: database.url
            ) { zombie in
                try await Self.stopAndOutlive(zombie, database)
            }
            #expect(zombie.log.contains("lease was lost"))
            #expect(zombie.status == .exited(0), "it goes on serving, and stops in order")
            let effects = try await database.client.query("SELECT step, pid FROM crash.effects ORDER BY step")
                .decode((String, Int).self)
            #expect(effects.map(\.0) == ["arrived", "left", "passed"])
            #expect(effects.map(\.1) == [zombie.result.zombie, zombie.result.other, zombie.result.other])
            let keys = try await database.client.query("SELECT (fence % 1000)::int, done FROM waymark.keys").decode(
                (Int, Bool).self)
            #expect(keys.map(\.0) == [2])
            #expect(keys.map(\.1) == [true])
        }
    }

    private static func stopAndOutlive(
        _ zombie: TestProcess, _ database: TestDatabase
    ) async throws -> (zombie: Int, other: Int) {
        let port = try await zombie.port()
        // The gate is closed: the phase leaves its effect, and waits in the middle of its transaction.
        let opened = AsyncStream<Void>.makeStream()
        let gate = Task {
            try await database.client.withTransaction { tx in
                _ = try await tx.query("SELECT FROM crash.gates WHERE name = 'phase' FOR UPDATE")
                for await _ in opened.stream {}
            }
        }
        try await eventually("the gate is closed") { try await Self.sessions(in: database, "idle in transaction") == 1 }
        let answer = Task { try await Self.post(port: port) }
        try await eventually("the phase waits at the gate") { try await Self.waiting(in: database) == 1 }
        try await zombie.suspend()
        opened.continuation.finish()
        try await gate.value
        let other = try await TestProcess.with(
            "crash-fixture", ["completionist", "--lease-seconds", "1"], database: database.url
        ) { other in
            try await eventually("another finishes the key") {
                try await database.client.query("SELECT FROM waymark.keys WHERE done").count == 1
            }
            #expect(try await Self.sessions(in: database, "idle in transaction") == 1, "the zombie's is still open")
            return Int(other.pid)
        }
        zombie.send(SIGCONT)
        let response = try await answer.value
        #expect(response.status == .ok, "the client gets the one answer")
        #expect(response.headers.first(name: "Idempotent-Replayed") == "true")
        return (Int(zombie.pid), other.result)
    }

    private static func sessions(in database: TestDatabase, _ state: String) async throws -> Int {
        try await database.client.query(
            "SELECT FROM pg_stat_activity WHERE datname = current_database() AND state = \(state)"
        ).count
    }

    private static func waiting(in database: TestDatabase) async throws -> Int {
        try await database.client.query(
            """
            SELECT FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%FOR SHARE%'
            """
        ).count
    }

    /// Asks an orchestrator of the fixture to let somebody pass.
    static func post(port: Int) async throws -> HTTPClientResponse {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/sagas/pass-gate")
        request.method = .POST
        request.headers.add(name: "Authorization", value: "tester")
        request.headers.add(name: "Idempotency-Key", value: "k1")
        request.headers.add(name: "Content-Type", value: "application/json")
        request.body = .bytes(ByteBuffer(string: #"{"name": "zombie"}"#))
        return try await HTTPClient.shared.execute(request, timeout: .seconds(60))
    }
}
