import ArgumentParser
import Foundation
import Staging
import UnixSignals

/// Runs sagas of several kinds while everything that runs them is killed, frozen, stopped and cut off, and then counts.
@main
struct ChaosCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chaos",
        abstract: "Runs sagas while everything that runs them is killed, frozen, stopped and cut off, and then counts.",
        discussion: """
            Starts a private PostgreSQL, the sandbox, two orchestrators, two completionists, a reaper and a drain, with a \
            fault proxy of its own before each of their connections; all of it is gone again afterwards. Exits with 0 when \
            nothing is lost, duplicated or answered wrongly, everything is at its old pace again in time, and enough was \
            done; with 1 when not.
            """)

    /// Problems told in full: when something is broken for every saga, a few of them say it.
    private static let problemLimit = 40

    @Option(help: "How long everything is struck.")
    var minutes = 10.0

    @Option(help: "Where every random decision comes from; a new one each time, and printed.")
    var seed: UInt64?

    @Option(help: "Clients that ask at the same time.")
    var clients = 64

    @Option(help: "How long a client thinks between two requests, on average, in milliseconds.")
    var thinkMs = 900

    @Option(help: "How long after the last blow the pace may take to be the old one, in seconds.")
    var recoverySeconds = 10.0

    @Option(help: "The fewest sagas that count as a run; 2000 a minute unless given, which a busy machine may not do.")
    var leastSagas: Int?

    @Flag(help: "Keep the logs, the sandbox's ledger and a dump of the database.")
    var keep = false

    func validate() throws {
        guard (0.05...1440).contains(minutes) else { throw ValidationError("--minutes is 0.05 to 1440") }
        guard (1...1000).contains(clients) else { throw ValidationError("--clients is 1 to 1000") }
        guard (0...60_000).contains(thinkMs) else { throw ValidationError("--think-ms is 0 to 60000") }
        guard (1...Int.max).contains(leastSagas ?? 1) else { throw ValidationError("--least-sagas must be positive") }
        guard (1...600).contains(recoverySeconds) else { throw ValidationError("--recovery-seconds is 1 to 600") }
    }

    func run() async throws {
        let screen = Screen(lineInterval: .seconds(10))
        // Drawn below 2^53, so that every tool that reads numbers as floating point shows the same seed.
        let seed = self.seed ?? UInt64.random(in: 1..<(1 << 53))
        screen.say("seed \(seed)")
        let scratch = try Scratch("waymark-chaos")
        let network = Network(seed: seed)
        let stage = Stage(
            cast: .chaos { try await network.route($0, $1) }, scratch: scratch, seed: seed,
            complain: { screen.complain($0) })
        let schedule = Schedule(minutes: minutes, recoverySeconds: recoverySeconds, leastSagas: leastSagas)
        let load = Load(clients: clients, think: .milliseconds(thinkMs), seed: seed, servers: stage.servers)
        let run = ChaosRun(
            stage: stage, network: network, load: load, schedule: schedule, seed: seed, screen: screen)
        let ending: Result<Ending<Outcome>, any Error>
        do {
            ending = .success(try await .untilSignal { try await run.perform() })
        } catch {
            ending = .failure(error)
        }
        // Here, and not in what a signal cancels: cleaning up takes its time.
        let failed: Bool = if case .success(.completed(let outcome)) = ending { !outcome.isGood } else { true }
        let interrupted: Bool = if case .success(.interrupted) = ending { true } else { false }
        let keeps = keep || (failed && !interrupted)
        await stage.tearDown(dump: keeps)
        await network.stop()
        if keeps { screen.complain("kept: \(scratch.path)") } else { scratch.remove() }
        try Self.report(ending, on: screen)
    }

    /// Says how it ended, the line last.
    private static func report(_ ending: Result<Ending<Outcome>, any Error>, on screen: Screen) throws {
        switch ending {
        case .failure(let error): throw error
        case .success(.interrupted(let signal)):
            screen.complain("stopped by \(signal)")
            throw ExitCode(Ending<Outcome>.exitCode(of: signal))
        case .success(.completed(let outcome)):
            screen.say(outcome.table)
            for problem in outcome.problems.prefix(problemLimit) { screen.complain(problem) }
            let hidden = outcome.problems.count - problemLimit
            if hidden > 0 { screen.complain("… and \(hidden) more of the kind.") }
            screen.say(outcome.line)
            if !outcome.isGood { throw ExitCode.failure }
        }
    }
}
