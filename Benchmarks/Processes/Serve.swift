import ArgumentParser
import Foundation
import Hummingbird
import RocketRides
import Waymark
import WaymarkHTTP

/// The front door with the demo's ride behind it, and a payment service in the process.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serves rides over HTTP; started by a scenario.", shouldDisplay: false)

    @Option(help: "The port to listen on; 0 lets the system choose.")
    var port = 0

    @Option(help: "A file to write the port to, once it listens.")
    var portFile: String

    func run() async throws {
        let portFile = self.portFile
        try await ChildProcess.run("bench-serve", [BookRide(payments: CountingPayments())]) { orchestrator in
            let door = FrontDoor(orchestrator) { try Caller(of: $0) }
            let router = Router()
            router.add(middleware: ProblemMiddleware())
            router.post("rides", saga: BookRide.self, through: door, status: .created)
            let server = FrontDoorServer.application(
                router: router, host: "127.0.0.1", port: port, logger: Lab.silent
            ) { port in
                // Nobody else could say that it went wrong; the scenario waits in vain, and says so.
                try? Data("\(port)\n".utf8).write(to: URL(fileURLWithPath: portFile), options: .atomic)
            }
            return [server]
        }
    }

    /// Whoever the header says: nothing is looked up, so that the rate is the front door's.
    private struct Caller: Principal {
        let scope: Scope

        init?(of request: Request) throws {
            guard let user = request.headers[.authorization] else { return nil }
            scope = try Scope("user:\(user)")
        }
    }
}
