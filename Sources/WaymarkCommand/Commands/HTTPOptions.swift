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

    func server<Application: SagaApplication>(
        _ application: Application, _ orchestrator: Orchestrator, _ postgres: PostgresClient, logger: Logger
    ) -> any Service {
        let router = Router()
        router.add(middleware: ProblemMiddleware())
        application.addRoutes(to: router, SagaServer(orchestrator: orchestrator, postgres: postgres))
        let (host, portFile) = (self.host, self.portFile)
        return FrontDoorServer.application(router: router, host: host, port: port, logger: logger) { port in
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
