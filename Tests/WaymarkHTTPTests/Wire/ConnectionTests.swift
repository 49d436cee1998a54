import Foundation
import Subprocess
import Testing
import WaymarkHTTP
import WaymarkTesting

/// What connections that nobody uses, and clients that never end, can do to a real server process.
@Suite(.serialized) struct ConnectionTests {
    /// A ride, as it were: a request of the fixture's.
    private static func request(_ key: String) -> String {
        let body = #"{"name": "\#(key)"}"#
        return """
            POST /sagas/pass-gate HTTP/1.1\r
            Host: localhost\r
            Authorization: me\r
            Idempotency-Key: \(key)\r
            Content-Type: application/json\r
            Content-Length: \(body.utf8.count)\r
            \r
            \(body)
            """
    }

    private static func answers(_ connection: HeldConnection) -> Int {
        connection.received.components(separatedBy: "HTTP/1.1 200 OK").count - 1
    }

    /// Runs the fixture's server on a migrated database.
    private static func withServer(
        _ arguments: [String], openFiles: String? = nil,
        _ body: @escaping @Sendable (TestProcess, Int) async throws -> Void
    ) async throws -> TestProcess.Ended<Void> {
        try await TestDatabase.with { database in
            let migrated = try await TestProcess.with("crash-fixture", ["migrate"], database: database.url) {
                try await $0.ended()
            }
            try #require(migrated.status == .exited(0), "\(migrated.log)")
            return try await TestProcess.with(
                "crash-fixture", ["orchestrator"] + arguments + TestProcess.anyPort, database: database.url,
                openFiles: openFiles
            ) { process in
                try await body(process, try await process.port())
            }
        }
    }

    /// Opens connections that send nothing, while a client that came before has its requests answered.
    private static func flood(_ count: Int, _ port: Int) async throws -> [HeldConnection] {
        let rider = try await HeldConnection.open(port: port)
        await rider.send(request("before"))
        try await eventually("a client is served") { answers(rider) == 1 }
        var idle: [HeldConnection] = []
        for number in 1...count {
            idle.append(try await HeldConnection.open(port: port))
            if number % (count / 4) != 0 { continue }
            let answered = answers(rider)
            await rider.send(request("after \(number)"))
            try await eventually("its next request is answered beside \(number) idle connections") {
                answers(rider) == answered + 1
            }
        }
        await rider.close()
        return idle
    }

    @Test(arguments: [("64", 100), ("1024", 1_200)])
    func moreConnectionsThanFilesAreRefusedAndTheProcessLives(openFiles: String, count: Int) async throws {
        OpenFiles.raiseLimit()
        let ended = try await Self.withServer(["--maximum-connections", "4"], openFiles: openFiles) { process, port in
            let idle = try await Self.flood(count, port)
            try await eventually("some are refused") { idle.contains { !$0.isOpen } }
            try await eventually("they are told so") {
                idle.contains { $0.received.contains("503 Service Unavailable") }
            }
            #expect(idle.contains { $0.isOpen }, "and others are not")
            for connection in idle { await connection.close() }
            try await eventually("there is room again") {
                let later = try await HeldConnection.open(port: port)
                await later.send(Self.request("later"))
                try await eventually("it is answered") { !later.received.isEmpty || !later.isOpen }
                let isServed = Self.answers(later) == 1
                await later.close()
                return isServed
            }
        }
        #expect(ended.status == .exited(0), "\(ended.log)")
        let told = ended.log.components(separatedBy: "connections are refused").count - 1
        #expect((1...4).contains(told), "\(told) messages")
    }

    @Test func aProcessRaisesItsLimitOnOpenFiles() async throws {
        OpenFiles.raiseLimit()
        let ended = try await Self.withServer([], openFiles: "-S 128") { _, port in
            let idle = try await Self.flood(200, port)
            #expect(idle.allSatisfy { $0.isOpen }, "the hard limit allows them all")
            for connection in idle { await connection.close() }
        }
        #expect(ended.status == .exited(0), "\(ended.log)")
        #expect(!ended.log.contains("connections are refused"))
    }

    @Test func aProcessThatMayOpenTooFewFilesDoesNotStart() async throws {
        try await TestDatabase.with { database in
            let ended = try await TestProcess.with(
                "crash-fixture", ["orchestrator", "--port", "0", "--maximum-connections", "100"],
                database: database.url,
                openFiles: "100"
            ) { try await $0.ended() }
            #expect(ended.status == .exited(78), "\(ended.log)")
            #expect(ended.log.contains("ulimit -n"))
        }
    }

    @Test func aClientInTheMiddleOfABodyDoesNotKeepTheProcess() async throws {
        let ended = try await Self.withServer(["--grace-seconds", "0.1"]) { process, port in
            let client = try await HeldConnection.open(port: port)
            // The answer to the first request shows that the server has got as far as the second.
            await client.send(
                Self.request("first") + "POST /sagas/pass-gate HTTP/1.1\r\nHost: localhost\r\nAuthorization: me\r\n"
                    + "Idempotency-Key: second\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
            try await eventually("the first request is answered") { Self.answers(client) == 1 }
            let trickle = Task {
                while client.isOpen, !Task.isCancelled {
                    await client.send(" ")
                    try await Task.sleep(for: .milliseconds(50))
                }
            }
            defer { trickle.cancel() }
            process.send(SIGTERM)
            try await process.ended()
            #expect(!client.isOpen)
        }
        #expect(ended.status == .exited(0), "\(ended.log)")
    }

    @Test func routesWithAContextOfTheApplicationsOwnAreServed() async throws {
        _ = try await Self.withServer([]) { _, port in
            let client = try await HeldConnection.open(port: port)
            await client.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            try await eventually("the route answers") { Self.answers(client) == 1 }
            await client.close()
        }
    }
}
