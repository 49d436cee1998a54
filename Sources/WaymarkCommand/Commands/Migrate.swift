import ArgumentParser
import PostgresPQ
import WaymarkEngine

struct Migrate<Application: SagaApplication>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "migrate", abstract: "Brings the schema up to date; safe to run from many processes at once.",
            discussion: """
                All of it happens in one transaction. Where somebody's long transaction uses a table, the migration steps \
                aside, says who it is, and tries again. An applied migration whose file was edited is refused.
                """)
    }

    @Flag(help: "Print the SQL instead, for psql, with the record of what it applies; touches no database.")
    var print = false

    @Option(help: "With --print: the last migration that the database has; only later ones are printed.")
    var after: String?

    @Flag(help: "Say what was applied as JSON.")
    var json = false

    @OptionGroup var database: DatabaseOptions
    @OptionGroup var log: LogOptions

    func validate() throws {
        guard let after else { return }
        if !print { throw ValidationError("--after belongs to --print: migrate itself finds out what is missing") }
        if !Migrator.migrations.contains(after) {
            throw ValidationError(
                "no migration '\(after)'; there are \(Migrator.migrations.joined(separator: ", "))")
        }
    }

    func run() async throws {
        let logger = log.logger("waymark.migrate")
        try await reporting(logger: logger) {
            let ownSchema = try Application(settings: .environment).schema
            if print {
                Output.write(
                    Migrator.script(
                        schema: try .init(database.schema), after: after, applicationSchema: ownSchema))
                return
            }
            let applied = try await database.withDatabase(logger: logger) { database in
                try await database.withClient(logger: logger) { client in
                    try await Migrator(
                        postgres: client, schema: database.schema, applicationSchema: ownSchema, logger: logger
                    ).migrate()
                }
            }
            if json {
                try Output.write(json: ["applied": applied])
            } else {
                Output.write(applied.isEmpty ? "up to date\n" : applied.map { "applied \($0)\n" }.joined())
            }
        }
    }
}
