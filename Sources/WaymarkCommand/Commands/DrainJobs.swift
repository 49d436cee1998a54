import ArgumentParser

struct DrainJobs<Application: SagaApplication>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "drain", abstract: "Hands on the jobs that phases staged.",
            discussion: "Any number of them, on any machines. Each job is delivered at least once, with a stable id.")
    }

    @Option(help: "How long one delivery may take, and a silent drain keeps its jobs, in seconds.")
    var leaseSeconds = 30.0

    @OptionGroup var stop: StopOptions
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var log: LogOptions

    func validate() throws {
        guard (0.5...86_400).contains(leaseSeconds) else {
            throw ValidationError("--lease-seconds must be 0.5 to 86400")
        }
    }

    func run() async throws {
        try await ProcessCommand<Application>.run("waymark.drain", database, log, stop) { command, client in
            [try command.drain(on: client, lease: .seconds(leaseSeconds))]
        }
    }
}
