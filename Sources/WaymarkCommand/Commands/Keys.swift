import ArgumentParser
import Foundation
import Logging
import PostgresPQ
import Waymark
import WaymarkEngine

struct Keys<Application: SagaApplication>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "keys", abstract: "Inspects keys, and decides about those that need a person.",
            subcommands: [
                KeysList.self, KeysShow.self, KeysAudit.self,
                KeysRetry<Application>.self, KeysResolve<Application>.self,
                KeysReject<Application>.self, KeysCompensate<Application>.self, KeysRelease<Application>.self,
                KeysEvict<Application>.self,
            ])
    }
}

struct KeysList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Lists keys, newest first.")

    @Option(help: "Only keys of this saga.")
    var saga: String?

    @Option(help: "Only keys of this scope.")
    var scope: String?

    @Option(help: "Only keys in this state: \(KeySummary.State.allCases.map(\.rawValue).joined(separator: ", ")).")
    var state: KeySummary.State?

    @Option(help: "Only keys parked because of this.")
    var parkedReason: ParkedReason?

    @Option(help: "The most keys to list.")
    var limit = 50

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var database: DatabaseOptions
    @OptionGroup var log: LogOptions

    func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit must be positive") }
    }

    func run() async throws {
        var filter = KeyInspector.Filter()
        (filter.saga, filter.scope, filter.state, filter.limit) = (saga, scope, state, limit)
        filter.parkedReason = parkedReason
        let keys = try await inspecting(database, log) { [filter] in try await $0.list(filter) }
        if json { return try Output.write(json: keys) }
        Output.write(
            table: ["id", "scope", "key", "saga", "recovery point", "state", "due in", "attempts", "created"],
            keys.map { key in
                [
                    key.id.uuidString.lowercased(), key.scope, key.key, key.saga, key.recoveryPoint, key.state.rawValue,
                    key.dueSeconds.map(\.asTimeLeft) ?? "", "\(key.attempts)", key.createdAt.formatted(.iso8601),
                ]
            })
    }
}

struct KeysShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows one key, by its id or by --scope and --key.")

    @Flag(help: "Show the request, the outputs and the response too; they may hold personal data.")
    var values = false

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var address: KeyAddress
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var log: LogOptions

    func run() async throws {
        let details = try await inspecting(database, log) { [address, values] inspector in
            try await inspector.show(address.rowID(), values: values)
        }
        guard let details else {
            log.logger("waymark.keys").error("there is no such key")
            throw ExitCode.failure
        }
        if json { return try Output.write(json: details) }
        Output.write(details.text)
    }
}

/// Runs `body` with an inspector of the database that the options name.
func inspecting<Result: Sendable>(
    _ database: DatabaseOptions, _ log: LogOptions, _ body: @escaping @Sendable (KeyInspector) async throws -> Result
) async throws -> Result {
    let logger = log.logger("waymark.keys")
    var result: Result?
    try await reporting(logger: logger) {
        result = try await database.withDatabase(logger: logger) { database in
            try await database.withClient(logger: logger) { client in
                try await body(KeyInspector(postgres: client, schema: database.schema))
            }
        }
    }
    guard let result else { throw ExitCode.failure }
    return result
}
