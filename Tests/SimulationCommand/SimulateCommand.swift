import ArgumentParser
import Foundation
import Simulation

/// Simulates the protocol for as many seeds as one likes.
@main
struct SimulateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate", abstract: "Simulates the protocol under faults, one run a seed.")

    @Option(help: "How many seeds, one after the other.")
    var seeds = 10_000

    @Option(help: "The first seed; drawn anew where none is given.")
    var seed: UInt64?

    @Option(
        help: "Switches off a guard: \(Guards.names.map(\.name).joined(separator: ", ")); each alone with \"each\".")
    var without: String?

    @Flag(help: "Tells what happened with the first seed, and simulates no other.")
    var history = false

    func run() throws {
        let first = seed ?? .random(in: 0..<1 << 32)
        if history {
            print(Simulation.history(seed: first).joined(separator: "\n"))
            return
        }
        if let without {
            for (missing, name) in Guards.names where [name, "each"].contains(without) {
                print("without \(name): \(breakage(from: first, without: missing))")
                // Each as soon as it is known, also into a file.
                fflush(nil)
            }
            return
        }
        var total = Tally()
        for number in 0..<max(seeds, 0) {
            let simulation = Simulation(seed: first &+ UInt64(number))
            total.add(simulation.tally)
            guard let violation = simulation.violation else { continue }
            print("seed \(simulation.seed): \(violation); the shortest history found:")
            print(Simulation.shortestHistory(seed: simulation.seed).joined(separator: "\n"))
            print(line(first, number + 1, total, failures: 1))
            throw ExitCode.failure
        }
        print(line(first, seeds, total, failures: 0))
    }

    /// What the first seed that finds something finds without a guard.
    private func breakage(from first: UInt64, without missing: Guards) -> String {
        for number in 0..<max(seeds, 0) {
            let simulation = Simulation(seed: first &+ UInt64(number), guards: Guards.all.subtracting(missing))
            if let violation = simulation.violation {
                return "seed \(simulation.seed), number \(number + 1): \(violation)"
            }
        }
        return "nothing in \(seeds) seeds"
    }

    private func line(_ first: UInt64, _ seeds: Int, _ total: Tally, failures: Int) -> String {
        """
        seeds \(seeds) from \(first)  events \(total.events)  requests \(total.requests)  finished \(total.finished)  \
        rejected \(total.rejected)  parked \(total.parked)  kills \(total.kills)  zombies \(total.zombies)  \
        unknown commits \(total.unknownCommits)  failures \(failures)
        """
    }
}
