import ArgumentParser
import Foundation
import Hummingbird
import Logging
import PostgresPQ
import ServiceLifecycle
import WaymarkEngine
import WaymarkHTTP

/// Where the front door listens.
struct HTTPOptions: ParsableArguments {
    @Option(help: "The address to listen on.")
    var host = "127.0.0.1"

    @Option(help: "The port to listen on; 0 lets the system choose.")
    var port = 8080

    @Option(help: "A file to write the port to, once the server listens.")
    var portFile: String?

    @Option(
        help: """
            The most HTTP connections that are open at the same time; further ones are answered with 503. Default: as many \
            as the limit on open files allows beside the database and foreign calls.
            """)
    var httpConnections: Int?

    func validate() throws {
        guard httpConnections ?? 1 > 0 else { throw ValidationError("--http-connections must be positive") }
    }

    /// - Throws: `OpenFiles.TooFew` where the process may not open enough files.
    func server<Application: SagaApplication>(
        _ command: ProcessCommand<Application>, _ orchestrator: Orchestrator, _ postgres: PostgresClient
    ) throws -> any Service {
        let (host, portFile, logger) = (self.host, self.portFile, command.logger)
        let possible = try OpenFiles.connections(beside: command.database.pool.maximumConnections)
        if let httpConnections, httpConnections > possible {
            throw OpenFiles.TooFew(
                limit: OpenFiles.limit, detail: "--http-connections may be \(possible) at most")
        }
        let router = Router(context: Application.RouteContext.self)
        router.add(middleware: ProblemMiddleware())
        command.application.addRoutes(to: router, SagaServer(orchestrator: orchestrator, postgres: postgres))
        return FrontDoorServer.application(
            router: router, host: host, port: port, connections: httpConnections ?? possible,
            gracePeriod: command.gracePeriod, logger: logger
        ) { port in
            logger.info("listening", metadata: ["url": .string("http://\(host):\(port)")])
            guard let portFile else { return }
            do {
                try Data("\(port)\n".utf8).write(to: URL(fileURLWithPath: portFile), options: .atomic)
            } catch {
                logger.error("the port file could not be written", metadata: ["error": .string("\(error)")])
            }
        }
    }
}
