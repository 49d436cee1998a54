import ArgumentParser
import Foundation
import Staging

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

    /// The faults of the payment and mail service. Delays are there so that something is under way when a process dies.
    private static var cast: Cast {
        var cast = Cast()
        cast.sandboxFaults = [
            "--delay-ms", "150", "--error-before-rate", "0.03", "--error-after-rate", "0.03", "--drop-rate", "0.02",
            "--decline-rate", "0.05",
        ]
        return cast
    }

    func run() async throws {
        let screen = Screen()
        // Drawn below 2^53, so that every tool that reads numbers as floating point shows the same seed.
        let seed = self.seed ?? UInt64.random(in: 1..<(1 << 53))
        screen.say("seed \(seed)")
        let scratch = try Scratch("waymark-demo")
        let stage = Stage(cast: Self.cast, scratch: scratch, seed: seed, complain: { screen.complain($0) })
        let performance = Performance(stage: stage, screen: screen, seed: seed, rides: rides, clients: clients)
        let end: Result<Ending<Verdict>, any Error>
        do {
            end = .success(try await .untilSignal { try await performance.run() })
        } catch {
            end = .failure(error)
        }
        // Here, and not in what a signal cancels: cleaning up takes its time.
        let failed: Bool = if case .success(.completed(let verdict)) = end { !verdict.problems.isEmpty } else { true }
        let interrupted: Bool = if case .success(.interrupted) = end { true } else { false }
        let keeps = keep || (failed && !interrupted)
        await stage.tearDown(dump: keeps)
        if keeps { screen.complain("kept: \(scratch.path)") } else { scratch.remove() }
        switch end {
        case .failure(let error): throw error
        case .success(.interrupted(let signal)):
            screen.complain("stopped by \(signal)")
            throw ExitCode(Ending<Verdict>.exitCode(of: signal))
        case .success(.completed(let verdict)):
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
}
