import ArgumentParser
import Foundation
import PrivatePostgres
import Staging

/// Runs the scenarios one after the other, and prints the table.
struct Measure: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Runs the scenarios and prints the table.",
        discussion: """
            Starts a private PostgreSQL, which is gone again afterwards. The yardstick is pgbench on the same server in the \
            same run, in turn with ours. docs/performance.md says what each row is. Exits with 0 when every target holds \
            and everything counted is right, with 1 when not.
            """)

    @Flag(help: "Short measurements, under three minutes together: what every day needs. The figures are rougher.")
    var short = false

    @Option(help: "The rows to measure, with commas between: \(Scenarios.all.map(\.name).joined(separator: ",")).")
    var rows: String?

    @Option(help: "A file for the report as JSON; - is standard output, and the table goes to standard error then.")
    var json: String?

    func validate() throws { _ = try chosen() }

    private var plan: Plan { short ? .short : .long }

    private func chosen() throws -> [any Scenario] {
        guard let rows else { return Scenarios.all.filter { !short || !$0.isLong } }
        return try rows.split(separator: ",").map { name in
            guard let scenario = Scenarios.all.first(where: { $0.name == name }) else {
                throw ValidationError("there is no row '\(name)'")
            }
            return scenario
        }
    }

    func run() async throws {
        let scenarios = try chosen()
        let cluster = try await PrivateCluster.temporary(settings: Lab.settings, logger: Lab.silent)
        let lab = Lab(cluster: cluster, plan: plan) { Self.complain($0) }
        let ending: Result<Ending<Report>, any Error>
        do {
            ending = .success(try await .untilSignal { try await Self.report(of: scenarios, in: lab) })
        } catch {
            ending = .failure(error)
        }
        // Here, and not in what a signal cancels: it takes its time.
        try await cluster.delete()
        switch ending {
        case .failure(let error): throw error
        case .success(.interrupted(let signal)):
            Self.complain("stopped by \(signal)")
            throw ExitCode(Ending<Report>.exitCode(of: signal))
        case .success(.completed(let report)):
            try publish(report)
            if !report.holds { throw ExitCode.failure }
        }
    }

    /// Runs all of them; one that fails is a row that says so, and the others go on.
    private static func report(of scenarios: [any Scenario], in lab: Lab) async throws -> Report {
        var report = Report(
            mode: lab.plan.name, postgres: try await lab.settings(),
            processors: ProcessInfo.processInfo.activeProcessorCount, loadBefore: Report.load(), loadAfter: .nan,
            startedAt: .now, rows: [])
        for scenario in scenarios {
            lab.say("\(scenario.name) (load \(Report.load().formatted(.number.precision(.fractionLength(1)))))")
            let start = ContinuousClock.now
            defer { lab.say("  \(start.duration(to: .now).formatted(.units(allowed: [.seconds])))") }
            do {
                report.rows += try await scenario.run(in: lab)
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                try Task.checkCancellation()
                report.rows.append(Row(scenario.name, "", ours: nil, problems: ["\(error)"]))
            }
        }
        report.loadAfter = Report.load()
        return report
    }

    private func publish(_ report: Report) throws {
        let table = "\(Table(report: report))"
        switch json {
        case "-":
            Self.complain(table)
            try FileHandle.standardOutput.write(contentsOf: report.json())
        case let path?:
            print(table)
            try report.json().write(to: URL(fileURLWithPath: path), options: .atomic)
        case nil: print(table)
        }
    }

    /// Standard output is the table's, for programs that read it.
    private static func complain(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data("\(text)\n".utf8))
    }
}
