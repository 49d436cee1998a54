import ArgumentParser
import Foundation
import Logging
import PostgresPQ
import Waymark
import WaymarkEngine

/// A command that does something to keys: finds them, tries each, and says what became of it.
protocol KeyVerb: AsyncParsableCommand, Sendable {
    associatedtype Application: SagaApplication

    var options: OperatorOptions { get }

    func find(_ keys: KeyOperator) async throws -> [SeenKey]
    func perform(_ keys: KeyOperator, on key: SeenKey) async throws -> AuditEntry
}

extension KeyVerb {
    /// - Throws: `ExitCode.failure` when a key was refused.
    func run() async throws {
        let logger = options.log.logger("waymark.keys")
        try await reporting(logger: logger) {
            let sagas = try SagaRegistry(try Application(settings: .environment).sagas)
            let acts = try await options.database.withDatabase(logger: logger) { database in
                try await database.withClient(logger: logger) { [self] client in
                    let keys = KeyOperator(
                        postgres: client, sagas: sagas, schema: database.schema,
                        retention: .hours(options.retentionHours), actor: options.by, isDryRun: options.dryRun)
                    return try await perform(keys)
                }
            }
            try write(acts)
            if acts.contains(where: { $0.refusal != nil }) { throw ExitCode.failure }
        }
    }

    private func perform(_ keys: KeyOperator) async throws -> [OperatorAct] {
        var acts: [OperatorAct] = []
        for key in try await find(keys) {
            do {
                acts.append(OperatorAct(key, try await perform(keys, on: key)))
            } catch let error as OperatorError {
                acts.append(OperatorAct(key, refusal: error.description))
            } catch let error as WaymarkError {
                acts.append(OperatorAct(key, refusal: error.description))
            }
        }
        return acts
    }

    private func write(_ acts: [OperatorAct]) throws {
        if options.json { return try Output.write(json: acts) }
        Output.write(table: OperatorAct.header, acts.map(\.cells))
        if options.dryRun { Output.write("dry run: nothing was done\n") }
    }
}
