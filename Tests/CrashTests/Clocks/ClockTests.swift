import AsyncHTTPClient
import Foundation
import NIOCore
import PostgresPQ
import Subprocess
import Testing
import WaymarkClient
import WaymarkTesting

/// Processes whose clock is an hour off, or jumps while they run: the database's clock is the only one that counts.
@Suite struct ClockTests {
    private static let hour = 3600
    /// Each process dies some three times.
    private static let kills = 12

    /// The invariants of `WithdrawalKillTests`, with processes that agree on nothing about the time.
    @Test func killedProcessesWithClocksOfTheirOwnPayOnce() async throws {
        try await Self.withJumpingClock { file in
            let jumping = try FakedClock.following(file)
            let clocks = [try .ahead(Self.hour), try .ahead(-Self.hour), jumping, try .ahead(-Self.hour)]
            defer { for clock in clocks { clock.remove() } }
            try await WithdrawalKillTests.payOnce(KillPlan(kills: Self.kills), clocks: clocks)
        }
    }

    @Test(arguments: [hour, -hour])
    func aSleepEndsByTheDatabasesClock(ahead: Int) async throws {
        try await TestDatabase.with { database in
            let migrated = try await TestProcess.with("crash-fixture", ["migrate"], database: database.url) {
                try await $0.ended()
            }
            try #require(migrated.status == .exited(0), "\(migrated.log)")
            let clock = try FakedClock.ahead(ahead)
            defer { clock.remove() }
            let ended = try await TestProcess.with(
                "crash-fixture", ["dev", "--log-format", "json"] + TestProcess.anyPort, database: database.url,
                settings: clock.settings
            ) { process in
                let base = URL(string: "http://127.0.0.1:\(try await process.port())")
                let timers = try await eventually("it has timers") { try Self.timers(of: process) }
                #expect(timers.allSatisfy { $0 < Self.hour / 2 }, "only its wall clock is off")
                let date = Date() + 2
                let client = WaymarkClient(bases: { base.map { [$0] } ?? [] })
                let answer = try await client.post(
                    "/sagas/keep-appointment", json: ["date": date.ISO8601Format()], key: "a1",
                    headers: ["Authorization": "tester"])
                #expect(answer.status == 200)
                return (asked: date, met: try await Self.meeting(in: database))
            }
            #expect(ended.status == .exited(0))
            // Whole seconds are asked for, and the second sleep ends one second after the first.
            #expect(ended.result.met >= ended.result.asked.timeIntervalSince1970.rounded(.down) + 1)
            let told = try #require(ended.log.firstMatch(of: /"at":"([^"]+)"/))
            let itsTime = try Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(String(told.1))
            #expect(abs(itsTime.timeIntervalSince(ended.result.asked) - Double(ahead)) < 600, "its clock really is off")
        }
    }

    /// In how many seconds each of its timers ends; nil when none is set.
    private static func timers(of process: TestProcess) throws -> [Int]? {
        let folder = "/proc/\(process.pid)/fdinfo"
        let timers = try FileManager.default.contentsOfDirectory(atPath: folder).compactMap { file -> Int? in
            // What is closed meanwhile is no timer.
            let info = (try? String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8)) ?? ""
            guard let left = info.firstMatch(of: /it_value: \((\d+), (\d+)\)/), left.1 != "0" || left.2 != "0"
            else { return nil }
            return Int(left.1)
        }
        return timers.isEmpty ? nil : timers
    }

    /// When the saga met, in seconds since 1970.
    private static func meeting(in database: TestDatabase) async throws -> Double {
        try await database.client.query(
            "SELECT extract(epoch FROM (response_body::json ->> 'date')::timestamptz)::float8 FROM waymark.keys WHERE done"
        ).decode(Double.self)[0]
    }

    /// Runs `body` with a file whose clock jumps by an hour to and fro, several times a second.
    private static func withJumpingClock(_ body: (URL) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "waymark-clock-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "clock")
        try FakedClock.set(file, ahead: 0)
        let jumps = Task {
            while true {
                for seconds in [hour, 0, -hour, 5, -5] {
                    try FakedClock.set(file, ahead: seconds)
                    // The jumps are the fault itself: nothing is waited for.
                    try await Task.sleep(for: .milliseconds(300))
                }
            }
        }
        defer { jumps.cancel() }
        try await body(file)
    }
}
