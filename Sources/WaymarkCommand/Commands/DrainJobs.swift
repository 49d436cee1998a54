import ArgumentParser

struct DrainJobs<Application: SagaApplication>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "drain", abstract: "Hands on the jobs that phases staged.",
            discussion: "Any number of them, on any machines. Each job is delivered at least once, with a stable id.")
    }

    @OptionGroup var database: DatabaseOptions
    @OptionGroup var log: LogOptions

    func run() async throws {
        try await ProcessCommand<Application>.run("waymark.drain", database, EngineOptions(), log) { command, client in
            [try command.drain(on: client)]
        }
    }
}
