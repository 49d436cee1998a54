import Configuration
import Foundation
import HTTPTypes
import Hummingbird
import PostgresPQ
import Waymark
import WaymarkCommand
import WaymarkEngine
import WaymarkHTTP

/// An application made for being stopped in the middle: it waits at gates that tests hold closed.
struct FixtureApplication: SagaApplication {
    private let edition: PassGateEdition

    init(settings: ConfigReader) {
        edition = PassGateEdition(rawValue: settings.string(forKey: "pass.gate", default: "first")) ?? .first
    }

    var sagas: [any Saga] { [edition.saga, AwaitWord(), KeepAppointment()] }

    var schema: String? {
        """
        CREATE SCHEMA IF NOT EXISTS crash;
        CREATE TABLE IF NOT EXISTS crash.effects (key_id uuid NOT NULL, step text NOT NULL, pid integer NOT NULL);
        CREATE TABLE IF NOT EXISTS crash.gates (name text PRIMARY KEY);
        INSERT INTO crash.gates VALUES ('phase'), ('call') ON CONFLICT DO NOTHING;
        """
    }

    /// A context of the application's own, as its routes may need one.
    struct Context: RequestContext {
        var coreContext: CoreRequestContextStorage

        init(source: ApplicationRequestContextSource) {
            coreContext = .init(source: source)
        }
    }

    func addRoutes(to router: Router<Context>, _ server: SagaServer) {
        let door = FrontDoor(server.orchestrator) { request in
            try request.headers[.authorization].map { Caller(scope: try Scope($0)) }
        }
        door.addHealth(to: router)
        door.addSagas(to: router, PassGate.self, KeepAppointment.self)
    }

    func addJobs(to handlers: inout JobHandlers) throws {
        try handlers.handle(NeverEnding.self) { _, _ in
            // Nothing resumes it: a handler that ignores its cancellation.
            await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in }
        }
    }

    private struct Caller: Principal {
        let scope: Scope
    }
}

/// A job whose handler never ends.
struct NeverEnding: Job {
    static let name = "never-ending"
}

struct Passage: Codable, Sendable {
    let name: String
}

/// Three phases; the one in the middle leaves its effect and then waits at a gate, with its transaction open.
struct PassGate: Saga {
    static let name = "pass-gate"

    var body: some Step<Passage, Passage> {
        AtomicPhase("arrived", arrive)
        AtomicPhase("passed", pass)
            .timeout(.seconds(60))
        AtomicPhase("left", leave)
    }

    func arrive(_ passage: Passage, _ tx: Transaction) async throws -> Passage {
        try await leaveTrace("arrived", tx)
        return passage
    }

    func pass(_ passage: Passage, _ tx: Transaction) async throws -> Passage {
        try await leaveTrace("passed", tx)
        // Share locks do not exclude each other: only the test that holds the gate for itself keeps us waiting.
        _ = try await tx.query("SELECT name FROM crash.gates WHERE name = 'phase' FOR SHARE")
        return passage
    }

    func leave(_ passage: Passage, _ tx: Transaction) async throws -> Passage {
        try await leaveTrace("left", tx)
        return passage
    }

    private func leaveTrace(_ step: String, _ tx: Transaction) async throws {
        let pid = Int(ProcessInfo.processInfo.processIdentifier)
        try await tx.execute("INSERT INTO crash.effects VALUES (\(tx.key.id), \(step), \(pid))")
    }
}

struct Word: Codable, Sendable {
    let text: String
}

/// Waits for a word from outside, and says it.
struct AwaitWord: Saga {
    static let name = "await-word"

    var body: some Step<Passage, Word> {
        WaitFor("word_given", event: Word.self, timeout: .hours(1)) { (passage: Passage, word: Word?) in
            word ?? Word(text: "no word for \(passage.name)")
        }
    }
}

struct Appointment: Codable, Sendable {
    let date: Date
}

/// Sleeps until a date, in a branch and then by itself, and says when it woke by the database's clock.
struct KeepAppointment: Saga {
    static let name = "keep-appointment"

    var body: some Step<Appointment, Appointment> {
        Parallel("both_came", join: { (appointment: Appointment, _: Appointment) in appointment }) {
            Branch {
                SleepUntil("one_slept") { (appointment: Appointment) in appointment.date }
                AtomicPhase("one_came", come)
            }
            AtomicPhase("other_came", come)
        }
        SleepUntil("slept") { (appointment: Appointment) in appointment.date + 1 }
        AtomicPhase("met") { (_: Appointment, tx: Transaction) in
            Appointment(date: try await tx.query("SELECT clock_timestamp()").decode(Date.self)[0])
        }
    }

    func come(_ appointment: Appointment, _ tx: Transaction) async throws -> Appointment { appointment }
}
