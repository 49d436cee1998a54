import Foundation
import Staging
import Subprocess

#if canImport(System)
import System
#else
import SystemPackage
#endif

/// A closed loop over HTTP: wrk, in C.
struct Wrk: Sendable {
    private static let outputLimitBytes = 1 << 20

    /// Where to, without a path.
    let base: String
    let riders: Riders

    /// Which `Idempotency-Key` a request has.
    enum Keys {
        /// One of its own each.
        case fresh
        /// One of so many, in turn: `key-0` and so on. The rider's number goes with it.
        case known(Int)
    }

    /// Books rides, or asks for them again.
    /// - Throws: `StagingError` with what wrk said, where it failed.
    func run(_ keys: Keys, connections: Int, seconds: Int) async throws -> Measurement {
        let scratch = try Scratch("waymark-wrk")
        defer { scratch.remove() }
        let file = scratch.file("rides.lua")
        try Data(try script(keys).utf8).write(to: URL(fileURLWithPath: file))
        let result = try await Subprocess.run(
            .name("wrk"),
            arguments: [
                "--threads", "\(min(connections, 2))", "--connections", "\(connections)", "--duration", "\(seconds)s",
                "--script", file, base,
            ], output: .string(limit: Self.outputLimitBytes), error: .combinedWithOutput)
        try Task.checkCancellation()
        let output = result.standardOutput
        guard result.terminationStatus.isSuccess,
            let line = output.split(separator: "\n").first(where: { $0.hasPrefix("{") }),
            let summary = try? JSONDecoder().decode(Summary.self, from: Data(line.utf8))
        else { throw StagingError("wrk ended with \(result.terminationStatus): \(output)") }
        return summary.measurement
    }

    private struct Summary: Decodable {
        let requests: Int
        let microseconds: Double
        /// Answers that are not 2xx or 3xx.
        let refused: Int
        /// Connections not made, reads, writes and timeouts.
        let broken: Int

        var measurement: Measurement {
            let done = requests - refused
            let failed = refused + broken
            return Measurement(
                rate: Double(done) / microseconds * 1_000_000, done: done, failed: failed,
                failure: failed > 0 ? "\(refused) answers not 2xx, \(broken) broken connections" : nil)
        }
    }

    private func script(_ keys: Keys) throws -> String {
        let bodies = try riders.orders.map { "'\(String(decoding: try JSONEncoder().encode($0), as: UTF8.self))'" }
        // A thread's number keeps those of one process apart, a random one those of all runs.
        let (key, number) =
            switch keys {
            case .fresh: ("'\(UUID().uuidString)-' .. thread_number .. '-' .. count", "count")
            case .known(let limit): ("'key-' .. number", "(count * 2 + thread_number) % \(limit)")
            }
        return """
            local bodies = {\(bodies.joined(separator: ", "))}
            local threads = 0
            local count = 0
            function setup(thread)
                thread:set("thread_number", threads)
                threads = threads + 1
            end
            function request()
                count = count + 1
                local number = \(number)
                local rider = number % \(Riders.count) + 1
                return wrk.format("POST", "/rides", {
                    ["Authorization"] = rider, ["Content-Type"] = "application/json", ["Idempotency-Key"] = \(key)
                }, bodies[rider])
            end
            function done(summary)
                local errors = summary.errors
                io.write(string.format('{"requests":%d,"microseconds":%d,"refused":%d,"broken":%d}\\n',
                    summary.requests, summary.duration, errors.status,
                    errors.connect + errors.read + errors.write + errors.timeout))
            end
            """
    }
}
