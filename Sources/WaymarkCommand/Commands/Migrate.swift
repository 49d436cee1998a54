import ArgumentParser
import PostgresPQ
import WaymarkEngine

struct Migrate<Application: SagaApplication>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "migrate", abstract: "Brings the schema up to date; safe to run from many processes at once.",
            discussion: "An applied migration whose file was edited is refused.")
    }

    @Flag(help: "Print the SQL instead, for psql; touches no database.")
    var print = false

    @Flag(help: "Say what was applied as JSON.")
    var json = false

    @OptionGroup var database: DatabaseOptions
    @OptionGroup var log: LogOptions

    func run() async throws {
        let logger = log.logger("waymark.migrate")
        try await reporting(logger: logger) {
            let ownSchema = try Application(settings: .environment).schema
            if print {
                Output.write(Migrator.script(schema: try .init(database.schema)) + (ownSchema.map { "\n" + $0 } ?? ""))
                return
            }
            let applied = try await database.withDatabase(logger: logger) { database in
                try await database.withClient(logger: logger) { client in
                    let applied = try await Migrator(postgres: client, schema: database.schema, logger: logger)
                        .migrate()
                    if let ownSchema { try await client.executeScript(ownSchema) }
                    return applied
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
