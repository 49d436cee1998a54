import ArgumentParser
import Configuration
import Foundation
import Logging
import PostgresPQ
import ServiceLifecycle
import UnixSignals
import Waymark
import WaymarkEngine
import WaymarkHTTP

/// What the long-running commands share: settings, the application, the database, signals.
struct ProcessCommand<Application: SagaApplication> {
    let application: Application
    let database: Database
    let engine: EngineConfiguration
    /// How long a stop waits for the work at hand.
    let gracePeriod: Duration
    let logger: Logger

    /// Runs `services` until SIGTERM or SIGINT, beside a client that is stopped last.
    ///
    /// They stop at the same time, so that each has the whole grace period.
    /// - Parameter engineOptions: of a process that drives keys: it refuses to start where some are unknown.
    static func run(
        _ label: String, _ options: DatabaseOptions, _ log: LogOptions, _ stop: StopOptions,
        engine engineOptions: EngineOptions? = nil, migrate: Bool = false,
        services: (ProcessCommand, PostgresClient) async throws -> [any Service]
    ) async throws {
        let logger = log.logger(label, defaultLevel: .info)
        try await reporting(logger: logger) {
            OpenFiles.raiseLimit()
            let application = try Application(settings: .environment)
            try await options.withDatabase(logger: logger) { database in
                var engine = engineOptions?.configuration ?? EngineConfiguration()
                engine.schema = database.schema
                engine.gracePeriod = stop.gracePeriod
                let command = ProcessCommand(
                    application: application, database: database, engine: engine, gracePeriod: stop.gracePeriod,
                    logger: logger)
                try await command.prepare(migrate: migrate)
                if let engineOptions { try await command.checkInFlight(tolerating: engineOptions.tolerateUnknown) }
                let client = database.client(logger: logger)
                let together = ServicesTogether(
                    services: try await services(command, client), gracePeriod: stop.gracePeriod, logger: logger)
                // The client is stopped last.
                let group = ServiceGroup(
                    configuration: .init(
                        services: [.init(service: client), .init(service: together)],
                        gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
                try await group.run()
                logger.info("stopped")
            }
        }
    }

    /// Has the schema ready, or refuses to start.
    private func prepare(migrate: Bool) async throws {
        let (schema, logger, ownSchema) = (database.schema, logger, application.schema)
        try await database.withClient(logger: logger) { client in
            let migrator = Migrator(
                postgres: client, schema: schema, applicationSchema: ownSchema, logger: logger)
            if migrate {
                try await migrator.migrate()
            } else {
                try await migrator.verify()
            }
        }
    }

    /// Refuses to start beside keys that nobody here can go on with: a deployment that forgot them should fail, not they.
    private func checkInFlight(tolerating isTolerated: Bool) async throws {
        let (schema, sagas) = (database.schema, try SagaRegistry(application.sagas))
        let report = try await database.withClient(logger: logger) { try await sagas.inFlight(on: $0, schema: schema) }
        for entry in report.passedOverSteps {
            logger.notice("keys go on without a step that came before them", metadata: ["step": "\(entry)"])
        }
        guard isTolerated else { return try report.verify() }
        for entry in report.unknown {
            logger.warning("keys that no saga here knows are left alone", metadata: ["unknown": "\(entry)"])
        }
        for entry in report.forgottenSteps {
            logger.warning(
                "keys with a step that is not declared any more are parked when they are rejected",
                metadata: ["step": "\(entry)"])
        }
        for problem in report.problems {
            logger.warning("keys that cannot go on are parked", metadata: ["problem": "\(problem)"])
        }
    }

    func orchestrator(on client: PostgresClient) throws -> Orchestrator {
        Orchestrator(
            postgres: client, sagas: try SagaRegistry(application.sagas), configuration: engine, logger: logger)
    }

    func drain(on client: PostgresClient, lease: Duration? = nil) throws -> Drain {
        var handlers = JobHandlers()
        try application.addJobs(to: &handlers)
        var configuration = Drain.Configuration()
        configuration.schema = database.schema
        configuration.gracePeriod = gracePeriod
        if let lease { configuration.lease = lease }
        return Drain(postgres: client, handlers: handlers, configuration: configuration, logger: logger)
    }

    func reaper(on client: PostgresClient) -> Reaper {
        var configuration = Reaper.Configuration()
        configuration.schema = database.schema
        return Reaper(postgres: client, configuration: configuration, logger: logger)
    }
}

extension ConfigReader {
    /// The process's environment: `stripe.api.base` is `STRIPE_API_BASE`.
    static var environment: ConfigReader { ConfigReader(provider: EnvironmentVariablesProvider()) }
}
