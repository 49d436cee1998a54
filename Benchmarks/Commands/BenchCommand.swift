import ArgumentParser

@main
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measures Waymark against the same work by hand, on a PostgreSQL of its own.",
        subcommands: [Measure.self, Serve.self, Complete.self, Hold.self], defaultSubcommand: Measure.self)
}
