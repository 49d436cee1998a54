import Foundation
import PostgresPQ
import Subprocess
import Testing
import WaymarkTesting

/// A deployment while a request is in flight: the old process is killed, and a new one declares the saga otherwise.
@Suite struct VersionTests {
    private static let unknown = "pass-gate at arrived: 1 key"

    @Test func aNewVersionGoesOnOnlyWithWhatItKnows() async throws {
        try await TestDatabase.with { database in
            try await Self.leaveAKeyAtItsFirstStep(in: database)
            for arguments in [["orchestrator", "--port", "0"], ["completionist"], ["dev", "--port", "0"]] {
                let refused = try await Self.end(arguments, .removed, in: database)
                #expect(refused.status == .exited(78), "\(refused.log)")
                #expect(refused.log.contains(Self.unknown))
                #expect(refused.log.contains("renamed(from:)") && refused.log.contains("--tolerate-unknown"))
            }
            try await Self.leaveAlone(in: database)
            try await Self.finish(in: database)
        }
    }

    @Test func aCheckPrintsWhatIsInFlight() async throws {
        try await TestDatabase.with { database in
            try await Self.leaveAKeyAtItsFirstStep(in: database)
            let unknown = try await Self.end(["sagas", "check"], .removed, in: database)
            #expect(unknown.status == .exited(78))
            #expect(unknown.log.contains("pass-gate  arrived         1     no"), "\(unknown.log)")
            let known = try await Self.end(["sagas", "check"], .renamed, in: database)
            #expect(known.status == .exited(0))
            #expect(known.log.contains("pass-gate  arrived         1     yes"), "\(known.log)")
            let json = try await Self.end(["sagas", "check", "--json"], .renamed, in: database)
            #expect(json.status == .exited(0))
            #expect(
                json.log.contains(#""point" : "arrived""#) && json.log.contains(#""isKnown" : true"#), "\(json.log)")
        }
    }

    /// A request that has passed a step cannot be undone once the step is called otherwise.
    @Test func aRenameWithoutADeclarationExitsWith78() async throws {
        try await TestDatabase.with { database in
            try await Self.leaveAKeyAtItsFirstStep(in: database)
            try await database.client.execute(
                """
                UPDATE waymark.keys SET recovery_point = 'passed', journal = journal || jsonb_set(journal, '{0,step}', '"passed"')
                """)
            for arguments in [["sagas", "check"], ["completionist"]] {
                let refused = try await Self.end(arguments, .undeclared, in: database)
                #expect(refused.status == .exited(78), "\(refused.log)")
                #expect(refused.log.contains("pass-gate at arrived: 1 key"), "\(refused.log)")
                #expect(refused.log.contains("renamed(from:)") && refused.log.contains("removedSteps"))
            }
            #expect(try await Self.end(["sagas", "check"], .renamed, in: database).status == .exited(0))
        }
    }

    @Test func aChangedTypeWithoutADeclarationExitsWith78() async throws {
        try await TestDatabase.with { database in
            try await Self.leaveAKeyAtItsFirstStep(in: database)
            for arguments in [["sagas", "check"], ["sagas", "check", "--thorough"], ["orchestrator", "--port", "0"]] {
                let refused = try await Self.end(arguments, .retyped, in: database)
                #expect(refused.status == .exited(78), "\(refused.log)")
                #expect(
                    refused.log.contains("the output of 'arrived' cannot be decoded: number: The field is missing."),
                    "\(refused.log)")
                #expect(refused.log.contains("declare outputChanged(in:from:_:) on 'arrived'"))
            }
        }
    }

    @Test func whatDrivesNoKeysStartsAnyway() async throws {
        try await TestDatabase.with { database in
            try await Self.leaveAKeyAtItsFirstStep(in: database)
            for command in ["reaper", "drain"] {
                let ended = try await Self.run([command, "--log-level", "debug"], .removed, in: database) { process in
                    // Its signal handlers are there once it begins with its services, after "Starting service lifecycle".
                    try await eventually("its services run") {
                        process.log.replacing("Starting service lifecycle", with: "").contains("Starting service")
                    }
                }
                #expect(ended.status == .exited(0), "\(ended.log)")
            }
        }
    }

    private enum Edition: String { case first, removed, renamed, undeclared, retyped }

    /// The first version's process is killed while its request is in the second step.
    private static func leaveAKeyAtItsFirstStep(in database: TestDatabase) async throws {
        _ = try await end(["migrate"], .first, in: database)
        let opened = AsyncStream<Void>.makeStream()
        let gate = Task {
            try await database.client.withTransaction { tx in
                _ = try await tx.query("SELECT FROM crash.gates WHERE name = 'phase' FOR UPDATE")
                for await _ in opened.stream {}
            }
        }
        try await eventually("the gate is closed") {
            try await sessions("state = 'idle in transaction' AND query LIKE '%FOR UPDATE%'", in: database) == 1
        }
        let killed = try await run(
            ["orchestrator", "--lease-seconds", "1"] + TestProcess.anyPort, .first, in: database
        ) {
            process in
            let port = try await process.port()
            let answer = Task { try await ZombieTests.post(port: port) }
            try await eventually("the second step waits at the gate") {
                try await sessions("wait_event_type = 'Lock' AND query LIKE '%FOR SHARE%'", in: database) == 1
            }
            process.send(SIGKILL)
            _ = await answer.result
        }
        #expect(killed.status == .signaled(SIGKILL))
        opened.continuation.finish()
        try await gate.value
        try await eventually("the server has noticed") {
            try await sessions("query LIKE '%FOR SHARE%' AND state <> 'idle'", in: database) == 0
        }
        #expect(try await points(in: database) == ["arrived"])
    }

    private static func leaveAlone(in database: TestDatabase) async throws {
        let keys = { try await database.client.query("SELECT k::text FROM waymark.keys AS k").decode(String.self) }
        try await eventually("the key is due") {
            try await database.client.query("SELECT FROM waymark.keys WHERE run_at <= now()").count == 1
        }
        let before = try await keys()
        let ended = try await run(
            ["completionist", "--tolerate-unknown", "--log-level", "debug"], .removed, in: database
        ) { process in
            // Somebody else's key, accepted after it began, is finished: so it has looked at ours.
            try await database.client.execute(
                """
                INSERT INTO waymark.keys (id, scope, key, incarnation, saga, saga_version, request, fingerprint,
                    fingerprint_version, recovery_point, lease_until, run_at)
                SELECT gen_random_uuid(), scope, 'k2', incarnation, saga, 2, request, fingerprint,
                    fingerprint_version, 'started', now(), now() FROM waymark.keys
                """)
            try await eventually("it finishes a key that it knows") {
                try await database.client.query("SELECT FROM waymark.keys WHERE done").count == 1
            }
        }
        #expect(ended.status == .exited(0), "\(ended.log)")
        #expect(ended.log.contains("left alone") && ended.log.contains(unknown))
        try await database.client.execute("DELETE FROM waymark.keys WHERE done")
        try await database.client.execute("DELETE FROM crash.effects WHERE step IN ('passed', 'left')")
        #expect(try await keys() == before)
    }

    private static func finish(in database: TestDatabase) async throws {
        let ended = try await run(["completionist"], .renamed, in: database) { _ in
            try await eventually("the key is finished") { try await points(in: database) == ["finished"] }
        }
        #expect(ended.status == .exited(0), "\(ended.log)")
        let effects = try await database.client.query("SELECT step FROM crash.effects ORDER BY step").decode(
            String.self)
        #expect(effects == ["arrived", "left", "passed"], "each step once")
    }

    private static func points(in database: TestDatabase) async throws -> [String] {
        try await database.client.query("SELECT recovery_point FROM waymark.keys").decode(String.self)
    }

    private static func sessions(_ condition: String, in database: TestDatabase) async throws -> Int {
        try await database.client.query(
            """
            SELECT FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND \(unescaped: condition)
            """
        ).count
    }

    private static func run<Result: Sendable>(
        _ arguments: [String], _ edition: Edition, in database: TestDatabase,
        _ body: (TestProcess) async throws -> Result
    ) async throws -> TestProcess.Ended<Result> {
        try await TestProcess.with(
            "crash-fixture", arguments, database: database.url, settings: ["PASS_GATE": edition.rawValue], body)
    }

    private static func end(
        _ arguments: [String], _ edition: Edition, in database: TestDatabase
    ) async throws -> TestProcess.Ended<Void> {
        try await run(arguments, edition, in: database) { try await $0.ended() }
    }
}
