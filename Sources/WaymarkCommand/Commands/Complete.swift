import ArgumentParser
import WaymarkEngine

struct Complete<Application: SagaApplication>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "completionist", abstract: "Finishes keys whose holder died or whose time has come.",
            discussion: "Any number of them, on any machines.")
    }

    @Option(help: "Keys driven at the same time.")
    var concurrency = Completionist.Configuration().concurrency

    @OptionGroup var engine: EngineOptions
    @OptionGroup var stop: StopOptions
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var log: LogOptions

    func validate() throws {
        guard concurrency > 0 else { throw ValidationError("--concurrency must be positive") }
    }

    func run() async throws {
        try await ProcessCommand<Application>.run("waymark.completionist", database, log, stop, engine: engine) {
            command, client in
            let orchestrator = try command.orchestrator(on: client)
            var configuration = Completionist.Configuration()
            configuration.concurrency = concurrency
            return [Completionist(orchestrator, configuration: configuration), orchestrator]
        }
    }
}
