import PostgresPQ
import Subprocess
import Testing
import Waymark
import WaymarkEngine
import WaymarkTesting

/// `signal`, as people and scripts use it.
@Suite struct SignalTests {
    private static func signal(
        _ saga: String = "await-word", _ event: String = "word_given", key: String = "k1", scope: String = "me",
        payload: String = #"{"text": "go"}"#, input: String = "", on database: String
    ) async throws -> TestProcess.Ended<Void> {
        try await TestProcess.with(
            "crash-fixture", ["signal", saga, event, "--key", key, "--scope", scope, "--payload", payload],
            database: database, input: input
        ) { try await $0.ended() }
    }

    /// A database on which a request waits under the key k1.
    private static func withWaitingRequest(
        _ body: @escaping @Sendable (String, Orchestrator) async throws -> Void
    ) async throws {
        try await TestDatabase.with { database in
            let orchestrator = Orchestrator(postgres: database.client, sagas: try SagaRegistry([AwaitWord()]))
            _ = try await say(orchestrator)
            try await body(database.url, orchestrator)
        }
    }

    private static func say(_ orchestrator: Orchestrator) async throws -> Outcome<Word> {
        try await orchestrator.run(
            AwaitWord.self, key: IdempotencyKey("k1"), scope: Scope("me"), request: Passage(name: "jo"))
    }

    @Test func deliversAndSaysWhatCameOfIt() async throws {
        try await Self.withWaitingRequest { url, orchestrator in
            let first = try await Self.signal(payload: "-", input: #"{"text": "go"}"#, on: url)
            #expect(first.log == "delivered\n")
            #expect(first.status == .exited(0))
            let again = try await Self.signal(on: url)
            #expect(again.log == "repeated\n")
            #expect(again.status == .exited(0))
            let other = try await Self.signal(payload: #"{"text": "stop"}"#, on: url)
            #expect(other.log == "conflict\n")
            #expect(other.status == .exited(1))
            #expect(try await Completionist(orchestrator).runOnce().finished == 1)
            guard case .finished(let word, _) = try await Self.say(orchestrator) else {
                Issue.record("not finished")
                return
            }
            #expect(word.text == "go")
        }
    }

    @Test func theInspectorShowsTheWaitAndTheEvent() async throws {
        try await Self.withWaitingRequest { url, _ in
            let run = { (arguments: [String]) in
                try await TestProcess.with("crash-fixture", ["keys"] + arguments, database: url) {
                    try await $0.ended()
                }.log
            }
            let listed = try await run(["list", "--state", "waiting"])
            #expect(listed.contains("word_given:waiting  waiting  "))
            _ = try await Self.signal(on: url)
            let shown = try await run(["show", "--scope", "me", "--key", "k1"])
            #expect(shown.contains("event word_given  arrived at "))
            #expect(!shown.contains(#""text""#), "values are shown only where asked for")
            let values = try await run(["show", "--scope", "me", "--key", "k1", "--values"])
            #expect(values.contains(#": {"text":"go"}"#))
        }
    }

    @Test func refusesWrongUsageAndSaysWhy() async throws {
        try await Self.withWaitingRequest { url, _ in
            let unknown = try await Self.signal(key: "k2", on: url)
            #expect(unknown.log == "unknown_key\n")
            #expect(unknown.status == .exited(1))
            for (ended, reason) in [
                (try await Self.signal("nope", on: url), "no saga is named 'nope' here"),
                (try await Self.signal("await-word", "nope", on: url), "does not wait for an event 'nope'"),
                (try await Self.signal(payload: #"{"text": 1}"#, on: url), "text: The field has the wrong type"),
                (try await Self.signal(payload: "go", on: url), "--payload: "),
                (try await Self.signal(key: "", on: url), "Idempotency-Key: "),
            ] {
                #expect(ended.status == .exited(64))
                #expect(ended.log.contains(reason))
            }
        }
    }

    @Test func saysThatTheDatabaseIsAway() async throws {
        #expect(try await Self.signal(on: "host=/nowhere").status == .exited(69))
    }
}

// What the fixture declares under the same names.

private struct Passage: Codable, Sendable {
    let name: String
}

private struct Word: Codable, Sendable {
    let text: String
}

private struct AwaitWord: Saga {
    static let name = "await-word"

    var body: some Step<Passage, Word> {
        WaitFor("word_given", event: Word.self, timeout: .hours(1)) { (_: Passage, word: Word?) in
            word ?? Word(text: "no word")
        }
    }
}
