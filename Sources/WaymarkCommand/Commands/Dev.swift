import ArgumentParser
import WaymarkEngine

struct Dev<Application: SagaApplication>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "dev", abstract: "Runs everything in one process: for development.",
            discussion: """
                Orchestrator, completionist, reaper and drain, on a migrated schema; without --database-url on a private \
                PostgreSQL that is started and stopped with it.
                """)
    }

    @OptionGroup var http: HTTPOptions
    @OptionGroup var engine: EngineOptions
    @OptionGroup var stop: StopOptions
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var log: LogOptions

    func run() async throws {
        try await ProcessCommand<Application>.run(
            "waymark.dev", database, log, stop, engine: engine, migrate: true
        ) { command, client in
            let orchestrator = try command.orchestrator(on: client)
            let server = try http.server(command, orchestrator, client)
            return [
                server, command.reaper(on: client), try command.drain(on: client), Completionist(orchestrator),
                orchestrator,
            ]
        }
    }
}
