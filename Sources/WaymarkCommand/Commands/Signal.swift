import ArgumentParser
import Foundation
import Logging
import PostgresPQ
import Waymark
import WaymarkEngine

struct Signal<Application: SagaApplication>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "signal", abstract: "Delivers an event to a request that waits for it, or will.",
            discussion: """
                Prints what came of it: delivered, or repeated where the same event was there already; both end with 0. \
                conflict, passed, finished, unknown_key and mismatch end with 1, and change nothing.
                """)
    }

    @Argument(help: "The saga's stored name.")
    var saga: String

    @Argument(help: "The name of the step that waits; inside a ForEach with the element, from 0: 'parcel_signed[3]'.")
    var event: String

    @Option(help: "The idempotency key, as the client sent it.")
    var key: String

    @Option(help: "The key's scope.")
    var scope: String

    @Option(help: "The event as JSON; - reads it from standard input.")
    var payload: String

    @OptionGroup var database: DatabaseOptions
    @OptionGroup var log: LogOptions

    func run() async throws {
        let logger = log.logger("waymark.signal")
        try await reporting(logger: logger) {
            let sagas = try SagaRegistry(try Application(settings: .environment).sagas)
            let delivery = try await Self.checkingUsage {
                let (key, scope) = (try IdempotencyKey(key), try Scope(scope))
                let json = try JSONValue(parsing: payload == "-" ? Self.standardInput() : Data(payload.utf8))
                return try await database.withDatabase(logger: logger) { database in
                    try await database.withClient(logger: logger) { [saga, event] client in
                        try await Migrator(postgres: client, schema: database.schema, logger: logger).verify()
                        var configuration = EngineConfiguration()
                        configuration.schema = database.schema
                        let orchestrator = Orchestrator(
                            postgres: client, sagas: sagas, configuration: configuration, logger: logger)
                        return try await orchestrator.signal(saga: saga, event, key: key, scope: scope, payload: json)
                    }
                }
            }
            Output.write("\(delivery.rawValue)\n")
            switch delivery {
            case .delivered, .repeated: break
            case .conflict, .passed, .finished, .unknownKey, .mismatch: throw ExitCode.failure
            }
        }
    }

    private static func standardInput() throws -> Data {
        try FileHandle.standardInput.readToEnd() ?? Data()
    }

    /// Says of what was given on the command line that it is wrong usage.
    private static func checkingUsage(_ body: () async throws -> Delivery) async throws -> Delivery {
        do {
            return try await body()
        } catch let error as DecodingError {
            throw ValidationError("--payload: \(error.field.map { "\($0): " } ?? "")\(error.complaint)")
        } catch let error as WaymarkError {
            switch error.code {
            case .invalidJSON, .tooLarge:
                throw ValidationError("--payload: \(error.field.map { "\($0): " } ?? "")\(error.message)")
            case .invalidKey, .invalidScope, .unknownName:
                throw ValidationError("\(error.field.map { "\($0): " } ?? "")\(error.message)")
            default: throw error
            }
        }
    }
}
