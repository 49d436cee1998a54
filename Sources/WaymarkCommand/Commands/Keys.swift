public import ArgumentParser
import Foundation
import Logging
import PostgresPQ
import Waymark
public import WaymarkEngine

struct Keys<Application: SagaApplication>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "keys", abstract: "Inspects keys.", subcommands: [KeysList.self, KeysShow.self])
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
        let keys = try await inspecting(database, log) { [filter] in try await $0.list(filter) }
        if json { return try Output.write(json: keys) }
        Output.write(
            table: ["id", "scope", "key", "saga", "recovery point", "state", "attempts", "created"],
            keys.map { key in
                [
                    key.id.uuidString.lowercased(), key.scope, key.key, key.saga, key.recoveryPoint, key.state.rawValue,
                    "\(key.attempts)", key.createdAt.formatted(.iso8601),
                ]
            })
    }
}

struct KeysShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows one key, by its id or by --scope and --key.")

    @Argument(help: "The key's id.")
    var id: String?

    @Option(help: "The key's scope.")
    var scope: String?

    @Option(help: "The idempotency key, as the client sent it.")
    var key: String?

    @Flag(help: "Show the request, the outputs and the response too; they may hold personal data.")
    var values = false

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var database: DatabaseOptions
    @OptionGroup var log: LogOptions

    func validate() throws {
        guard (id != nil) != (scope != nil && key != nil) else {
            throw ValidationError("give either an id, or --scope and --key")
        }
        if let id, UUID(uuidString: id) == nil { throw ValidationError("'\(id)' is not a UUID") }
    }

    func run() async throws {
        let details = try await inspecting(database, log) { [self] inspector in
            if let id = id.flatMap(UUID.init) { return try await inspector.show(id, values: values) }
            return try await inspector.show(scope: Scope(scope ?? ""), key: IdempotencyKey(key ?? ""), values: values)
        }
        guard let details else {
            log.logger("waymark.keys").error("there is no such key")
            throw ExitCode.failure
        }
        if json { return try Output.write(json: details) }
        Output.write(details.text)
    }
}

extension KeySummary.State: ExpressibleByArgument {}

/// Runs `body` with an inspector of the database that the options name.
private func inspecting<Result: Sendable>(
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
