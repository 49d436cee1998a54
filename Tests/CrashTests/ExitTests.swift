import Foundation
import PostgresPQ
import Subprocess
import Testing
import WaymarkTesting

/// How processes end, for supervisors and scripts.
@Suite struct ExitTests {
    @Test(arguments: [
        ["orchestrator", "--port", "0"], ["completionist"], ["reaper"], ["drain"], ["dev", "--port", "0"],
    ])
    func zeroAfterSIGTERM(arguments: [String]) async throws {
        try await TestDatabase.with { database in
            let ended = try await TestProcess.with(
                "crash-fixture", arguments + ["--log-level", "debug", "--log-format", "json"], database: database.url
            ) { process in
                // Before its services start the process handles signals as every program does: it just ends.
                try await eventually("its services run") { process.log.contains(#""Starting service""#) }
            }
            #expect(ended.status == .exited(0), "\(ended.log)")
            let last = try #require(ended.log.split(separator: "\n").last)
            #expect(last.contains(#""message":"stopped""#))
        }
    }

    @Test(arguments: [["drain"], ["dev", "--port", "0"]])
    func aHandlerThatNeverEndsDoesNotKeepTheProcessAndCostsNoAttempt(arguments: [String]) async throws {
        try await TestDatabase.with { database in
            try await database.client.execute(
                """
                INSERT INTO waymark.jobs (id, key_id, name, payload, position, run_at)
                VALUES (\(UUID()), \(UUID()), 'never-ending', '{}', 0, now())
                """)
            let ended = try await TestProcess.with(
                "crash-fixture", arguments + ["--grace-seconds", "0.1"], database: database.url
            ) { process in
                try await eventually("it is delivered") {
                    try await database.client.query("SELECT FROM waymark.jobs WHERE attempts = 1").count == 1
                }
            }
            #expect(ended.status == .exited(0), "\(ended.log)")
            let jobs = try await database.client.query("SELECT attempts, run_at <= now() FROM waymark.jobs")
                .decode((Int, Bool).self)
            #expect(jobs.map(\.0) == [0])
            #expect(jobs.map(\.1) == [true])
        }
    }

    @Test func everyProcessTakesAGracePeriod() async throws {
        for command in ["orchestrator", "completionist", "reaper", "drain", "dev"] {
            let ended = try await Self.end([command, "--grace-seconds=-1"], database: "host=nowhere")
            #expect(ended.status == .exited(64))
            #expect(ended.log.contains("--grace-seconds must be"), "\(command): \(ended.log)")
        }
    }

    @Test func aLoggingSystemThatTheApplicationBootstrapsIsUsed() async throws {
        let settings = ["FIXTURE_LOG": "own"]
        try await TestDatabase.with { database in
            let own = try await TestProcess.with(
                "crash-fixture", ["reaper"], database: database.url, settings: settings
            ) {
                process in
                // Before its services the group itself starts, and does not hear signals yet.
                try await eventually("its services run") { process.log.contains("own debug: Starting service\n") }
            }
            #expect(own.log.contains("own info: stopped"), "\(own.log)")
            let chosen = try await TestProcess.with(
                "crash-fixture", ["reaper", "--log-format", "json", "--log-level", "debug"], database: database.url,
                settings: settings
            ) { process in
                try await eventually("its services run") { process.log.contains(#""Starting service""#) }
            }
            #expect(!chosen.log.contains("own debug: "), "a format that is asked for comes first: \(chosen.log)")
        }
    }

    @Test func sixtyNineWhenTheDatabaseCannotBeReached() async throws {
        let ended = try await Self.end(["completionist"], database: "host=127.0.0.1 port=1 connect_timeout=1")
        #expect(ended.status == .exited(69))
        #expect(ended.log.contains("cannot be reached"))
    }

    /// A connection that breaks while the process starts is as good as none: it is to be started again.
    @Test func sixtyNineWhenTheDatabaseGoesAwayMeanwhile() async throws {
        try await TestDatabase.with { database in
            let proxy = try await FaultProxy.start(upstream: database.upstream)
            proxy.cutAfter(pattern: "SELECT", forward: true)
            let ended = try await Self.end(["completionist"], database: database.url(through: proxy))
            await proxy.stop()
            #expect(ended.status == .exited(69), "\(ended.log)")
        }
    }

    @Test func seventyEightWhenTheSchemaIsNotThere() async throws {
        try await TestDatabase.with(script: "DROP SCHEMA waymark CASCADE") { database in
            let ended = try await Self.end(["completionist"], database: database.url)
            #expect(ended.status == .exited(78))
            #expect(ended.log.contains("waymark migrate"))
        }
    }

    @Test func sixtyFourForWrongUsage() async throws {
        for arguments in [["frobnicate"], ["completionist", "--concurrency", "0"], ["keys", "show"]] {
            #expect(try await Self.end(arguments, database: "host=nowhere").status == .exited(64))
        }
    }

    /// Waits until the process has ended by itself.
    private static func end(
        _ arguments: [String], database: String
    ) async throws -> TestProcess.Ended<Void> {
        try await TestProcess.with("crash-fixture", arguments, database: database) { try await $0.ended() }
    }
}
