import ArgumentParser

struct Orchestrate<Application: SagaApplication>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "orchestrator", abstract: "Takes requests over HTTP and drives them.",
            discussion: "Any number of them, on any machines. SIGTERM: finishes the steps at hand, gives back the rest."
        )
    }

    @OptionGroup var http: HTTPOptions
    @OptionGroup var engine: EngineOptions
    @OptionGroup var stop: StopOptions
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var log: LogOptions

    func run() async throws {
        try await ProcessCommand<Application>.run("waymark.orchestrator", database, log, stop, engine: engine) {
            command, client in
            let orchestrator = try command.orchestrator(on: client)
            let server = try http.server(command, orchestrator, client)
            return [server, orchestrator]
        }
    }
}
