import ArgumentParser
import Foundation
import UnixSignals

/// Books rides while everything that books them is being killed, and then counts.
@main
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Books rides while everything that books them is being killed, and then counts.",
        discussion: """
            Starts a private PostgreSQL, a payment and mail service with faults, two orchestrators, a completionist, a \
            reaper and a drain; all of it is gone again afterwards. Exits with 0 when every ride has its one answer and \
            its one charge or none, with 1 when not.
            """)

    /// Problems told in full: when something is broken for every ride, a few of them say it.
    private static let problemLimit = 20

    @Option(help: "Rides to book.")
    var rides = 300

    @Option(help: "Clients that book at the same time.")
    var clients = 16

    @Option(help: "Where every random decision comes from; a new one each time, and printed.")
    var seed: UInt64?

    @Flag(help: "Keep the logs, the payment service's ledger and a dump of the database.")
    var keep = false

    func validate() throws {
        guard (1...100_000).contains(rides) else { throw ValidationError("--rides is 1 to 100000") }
        guard (1...1000).contains(clients) else { throw ValidationError("--clients is 1 to 1000") }
    }

    /// How the performance ended.
    private enum End: Sendable {
        case curtain(Verdict)
        case interrupted(UnixSignal)
    }

    func run() async throws {
        let screen = Screen()
        // Drawn below 2^53, so that every tool that reads numbers as floating point shows the same seed.
        let seed = self.seed ?? UInt64.random(in: 1..<(1 << 53))
        screen.say("seed \(seed)")
        let scratch = try Scratch()
        let stage = Stage(scratch: scratch, seed: seed, screen: screen)
        let performance = Performance(stage: stage, screen: screen, seed: seed, rides: rides, clients: clients)
        let end: Result<End, any Error>
        do {
            end = .success(try await Self.untilSignal { .curtain(try await performance.run()) })
        } catch {
            end = .failure(error)
        }
        // Here, and not in what a signal cancels: cleaning up takes its time.
        let failed: Bool = if case .success(.curtain(let verdict)) = end { !verdict.problems.isEmpty } else { true }
        let interrupted: Bool = if case .success(.interrupted) = end { true } else { false }
        let keeps = keep || (failed && !interrupted)
        await stage.tearDown(dump: keeps)
        if keeps { screen.complain("kept: \(scratch.path)") } else { scratch.remove() }
        switch end {
        case .failure(let error): throw error
        case .success(.interrupted(let signal)):
            screen.complain("stopped by \(signal)")
            // What shells give for a process that a signal ended.
            throw ExitCode(128 + signal.rawValue)
        case .success(.curtain(let verdict)):
            Self.complain(verdict.problems, on: screen)
            screen.say(verdict.line)
            if !verdict.problems.isEmpty { throw ExitCode.failure }
        }
    }

    /// Says what is wrong.
    private static func complain(_ problems: [String], on screen: Screen) {
        for problem in problems.prefix(problemLimit) { screen.complain(problem) }
        let hidden = problems.count - problemLimit
        if hidden > 0 { screen.complain("… and \(hidden) more of the kind.") }
    }

    /// Runs `body` until it is through or the user has enough of it.
    private static func untilSignal(_ body: @escaping @Sendable () async throws -> End) async throws -> End {
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup)
        return try await withThrowingTaskGroup(of: End?.self) { group in
            defer { group.cancelAll() }
            group.addTask(operation: body)
            group.addTask {
                for await signal in signals { return .interrupted(signal) }
                return nil
            }
            while let end = try await group.next() {
                if let end { return end }
            }
            throw CancellationError()
        }
    }
}
