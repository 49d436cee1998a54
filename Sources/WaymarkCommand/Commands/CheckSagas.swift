import ArgumentParser
import Logging
import WaymarkEngine

struct CheckSagas<Application: SagaApplication>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "check", abstract: "Checks that every key in flight can be gone on with by these sagas.",
            discussion: """
                For deployments, before a new version starts: exits with 78 where keys need what the sagas here do not have, and \
                says what to declare. Looks at some keys of each saga, version and recovery point. Changes nothing.
                """)
    }

    @Flag(help: "Print JSON.")
    var json = false

    @Flag(help: "Look at every key in flight, not only at some of each saga, version and recovery point.")
    var thorough = false

    @OptionGroup var database: DatabaseOptions
    @OptionGroup var log: LogOptions

    func run() async throws {
        let logger = log.logger("waymark.sagas")
        try await reporting(logger: logger) {
            let sagas = try SagaRegistry(try Application(settings: .environment).sagas)
            let report = try await database.withDatabase(logger: logger) { database in
                try await database.withClient(logger: logger) { client in
                    try await Migrator(postgres: client, schema: database.schema, logger: logger).verify()
                    return try await sagas.inFlight(on: client, schema: database.schema, thorough: thorough)
                }
            }
            try json ? Output.write(json: report) : write(report)
            if !report.isSafe { throw ExitCode.misconfigured }
        }
    }

    private func write(_ report: InFlightReport) {
        Output.write(
            table: ["saga", "recovery point", "keys", "known"],
            report.entries.map { [$0.saga, $0.point, "\($0.keys)", $0.isKnown ? "yes" : "no"] })
        for entry in report.forgottenSteps {
            let remedy = UnknownInFlightError.remedyOfForgottenSteps
            Output.write("not declared any more, and cannot be undone: \(entry): \(remedy)\n")
        }
        for problem in report.problems { Output.write("cannot go on: \(problem)\n") }
        for entry in report.passedOverSteps {
            Output.write("goes on without a step that came before its recovery point: \(entry)\n")
        }
    }
}
