public import ArgumentParser
import Logging
public import Waymark
import WaymarkEngine

struct Sagas<Application: SagaApplication>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "sagas", abstract: "Shows the declared sagas; only check looks at a database.",
            subcommands: [List.self, Show.self, Diagram.self, CheckSagas<Application>.self])
    }

    struct List: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "list", abstract: "Lists the sagas.")
        }

        @Flag(help: "Print JSON.")
        var json = false

        func run() async throws {
            try await reporting(logger: Logger(label: "waymark.sagas")) {
                let sagas = try Application.declarations().map(SagaListing.init)
                if json { return try Output.write(json: sagas) }
                Output.write(
                    table: ["saga", "version", "request", "response", "steps"],
                    sagas.map { [$0.name, "\($0.version)", $0.request, $0.response, "\($0.stepCount)"] })
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "show", abstract: "Shows a saga's steps, and those inside of them.")
        }

        @Argument(help: "The saga's stored name.")
        var saga: String

        @Flag(help: "Print JSON.")
        var json = false

        func run() async throws {
            try await reporting(logger: Logger(label: "waymark.sagas")) {
                let listing = SagaListing(try Application.declaration(named: saga))
                if json { return try Output.write(json: listing) }
                Output.write("\(listing.title)\n\n")
                Output.write(table: SagaListing.columns, listing.rows)
                if !listing.services.isEmpty { Output.write("\n") }
                for service in listing.services { Output.write("\(service.text)\n") }
            }
        }
    }

    struct Diagram: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "diagram", abstract: "Draws a saga: Mermaid or Graphviz text.")
        }

        @Argument(help: "The saga's stored name.")
        var saga: String

        @Option(help: "mermaid or dot.")
        var format: SagaDeclaration.DiagramFormat = .mermaid

        func run() async throws {
            try await reporting(logger: Logger(label: "waymark.sagas")) {
                Output.write(try Application.declaration(named: saga).diagram(format))
            }
        }
    }
}

extension SagaDeclaration.DiagramFormat: ExpressibleByArgument {}

extension SagaApplication {
    /// The application's sagas as data, checked.
    static func declarations() throws -> [SagaDeclaration] {
        try SagaRegistry(try Self(settings: .environment).sagas).declarations
    }

    static func declaration(named name: String) throws -> SagaDeclaration {
        let declarations = try declarations()
        guard let declaration = declarations.first(where: { $0.name == name }) else {
            let known = declarations.map(\.name).joined(separator: ", ")
            throw ValidationError("no saga is named '\(name)'; there are: \(known)")
        }
        return declaration
    }
}
