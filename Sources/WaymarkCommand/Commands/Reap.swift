import ArgumentParser

struct Reap<Application: SagaApplication>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: "reaper", abstract: "Removes finished keys whose retention is over.")
    }

    @OptionGroup var stop: StopOptions
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var log: LogOptions

    func run() async throws {
        try await ProcessCommand<Application>.run("waymark.reaper", database, log, stop) { command, client in
            [command.reaper(on: client)]
        }
    }
}
