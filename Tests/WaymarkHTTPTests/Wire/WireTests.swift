import Foundation
import NIOCore
import PostgresPQ
import Subprocess
import Synchronization
import Testing
import WaymarkTesting

/// Some thousand connections to a real server process, most of them carrying what is no HTTP request: each is answered
/// or closed, none is a failure of ours, and the process neither ends nor grows.
@Suite struct WireTests {
    /// In the normal run. `WAYMARK_TEST_CONNECTIONS` asks for more.
    private static let connections = 2_700
    private static let clients = 8
    /// Connections before memory is measured: caches, prepared statements and the allocator's arenas are filled by then.
    private static let warmUp = 700
    /// Of the resident set after the warm-up. Each of the eight clients has one body of at most 1 MiB on its way, held two
    /// or three times over, and the allocator gives back late; a leak of a body, a header block or a connection for each
    /// request would pass it.
    private static let growthLimitBytes = 24 << 20

    @Test func eachIsAnsweredOrClosed() async throws {
        let environment = ProcessInfo.processInfo.environment
        let seed = environment["WAYMARK_TEST_SEED"].flatMap(UInt64.init) ?? .random(in: 0...UInt64(UInt32.max))
        let count = environment["WAYMARK_TEST_CONNECTIONS"].flatMap(Int.init) ?? Self.connections
        print("\(count) raw connections, WAYMARK_TEST_SEED=\(seed)")
        try await TestDatabase.with { database in
            let migrated = try await TestProcess.with("crash-fixture", ["migrate"], database: database.url) {
                try await $0.ended()
            }
            try #require(migrated.status == .exited(0), "\(migrated.log)")
            let server = try await TestProcess.with(
                "crash-fixture", ["orchestrator", "--log-level", "error"] + TestProcess.anyPort, database: database.url
            ) { server in
                let port = try await server.port()
                let warm = try await Self.send(0..<Self.warmUp, seed, port)
                let before = try Self.residentBytes(of: server.pid)
                let rest = try await Self.send(Self.warmUp..<count, seed, port)
                let growth = try Self.residentBytes(of: server.pid) - before
                print("resident \(before >> 20) MiB, then \(growth >> 10) KiB more")
                #expect(growth < Self.growthLimitBytes)
                let health = try await RawConnection.exchange(port: port, [Array("GET /health HTTP/1.1\r\n\r\n".utf8)])
                #expect(health.hasPrefix("HTTP/1.1 200 OK"))
                return warm + rest
            }
            #expect(server.status == .exited(0), "it serves to the end, and stops in order")
            #expect(!server.log.contains("request failed before it was accepted"), "\(server.log.prefix(2_000))")
            let stored = Set(try await database.client.query("SELECT key FROM waymark.keys").decode(String.self))
            let accepted = Set(server.result)
            #expect(stored == accepted, "on record is what was accepted: \(stored.symmetricDifference(accepted))")
            #expect(accepted.count > count / 10, "a server that refuses everything proves nothing")
        }
    }

    /// - Returns: the keys that were accepted.
    private static func send(_ numbers: Range<Int>, _ seed: UInt64, _ port: Int) async throws -> [String] {
        try await withThrowingTaskGroup(of: [String].self) { group in
            for client in 0..<clients {
                group.addTask {
                    var keys: [String] = []
                    for number in numbers where number % clients == client {
                        keys += try await check(number, seed, port)
                    }
                    return keys
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
    }

    private static func check(_ number: Int, _ seed: UInt64, _ port: Int) async throws -> [String] {
        var seeds = SeededGenerator(seed: seed &+ UInt64(number))
        var generator = WireGenerator(random: SeededGenerator(seed: seeds.next()), number: number)
        let request = generator.request(WireFlaw.allCases[number % WireFlaw.allCases.count])
        let which = "connection \(number) of seed \(seed): \(request)"
        let answer: String
        do {
            answer = try await RawConnection.exchange(
                port: port, request.pieces, pause: request.pause, isAborted: request.isAborted)
        } catch {
            Issue.record("\(error) on \(which)")
            throw error
        }
        let codes = answer.matches(of: /HTTP\/1\.1 (\d{3})/).compactMap { Int($0.1) }
        #expect(codes.allSatisfy { $0 < 500 }, "\(answer) on \(which)")
        if request.flaw.isRight {
            #expect(codes.filter { $0 != 100 } == request.keys.map { _ in 200 }, "\(answer) on \(which)")
            return request.keys
        }
        #expect(codes.allSatisfy { $0 >= 400 }, "\(answer) on \(which)")
        for body in answer.matches(of: /\r\n\r\n(\{[^\r]*\})/).map(\.1) {
            let problem = try JSONDecoder().decode(ProblemDocument.self, from: Data(body.utf8))
            #expect(problem.field != nil || problem.status == 404, "\(answer) on \(which)")
        }
        return []
    }

    /// What the process has in memory, by the kernel's count of pages.
    private static func residentBytes(of pid: Int32) throws -> Int {
        let pages = try String(contentsOfFile: "/proc/\(pid)/statm", encoding: .utf8).split(separator: " ")[1]
        return (Int(pages) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
    }
}
