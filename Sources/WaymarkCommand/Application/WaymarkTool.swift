public import ArgumentParser

/// The command line of an application's sagas.
public struct WaymarkTool<Application: SagaApplication>: AsyncParsableCommand {
    public static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "waymark",
            abstract: "Runs and inspects sagas: multi-step requests under an idempotency key, on PostgreSQL.",
            discussion: """
                The database is --database-url, else WAYMARK_DATABASE_URL, else a private PostgreSQL under .waymark/ that is \
                started and stopped by itself. Put passwords into the environment or a password file, not on the command line.

                Exit codes: 0 done, 1 failed, 64 wrong usage, 69 database unreachable, 78 sagas or schema not usable.
                """,
            subcommands: [
                Dev<Application>.self, Orchestrate<Application>.self, Complete<Application>.self,
                Reap<Application>.self,
                DrainJobs<Application>.self, Migrate<Application>.self, Sagas<Application>.self,
                Keys<Application>.self, Signal<Application>.self,
            ])
    }

    public init() {}

    /// Parses the command line, runs the command, and exits: an executable's whole `main.swift`.
    public static func start() async {
        await main()
    }
}
