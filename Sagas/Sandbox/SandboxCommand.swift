import ArgumentParser
import Foundation
import Hummingbird
import Logging
import NIOCore

/// Stands in for a payment service, a bank, a carrier and a mail service, over real HTTP, with real faults.
///
/// It keeps what it did in a file, so that it can be killed like anything else, and can be asked afterwards whether
/// anybody was charged, or paid out to, twice.
@main
struct SandboxCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sandbox",
        abstract: "A payment service, a bank, a carrier and a mail service to test against, with faults on demand."
    )

    @Option(help: "The port to listen on, on the loopback interface alone. 0 lets the system choose.")
    var port = 0

    @Option(help: "The file, or the folder, to remember charges, withdrawals, bookings and messages in.")
    var ledger = "sandbox-ledger/"

    @Option(help: "Where declines and faults come from: the same seed, the same ones.")
    var seed: UInt64 = 42

    @Option(help: "How long each charge, refund, withdrawal, booking and message takes, in milliseconds.")
    var delayMs = 5

    @Option(help: "The share of requests that fail with a 500 before anything has happened.")
    var errorBeforeRate = 0.0

    @Option(help: "The share of requests that fail with a 500 although it has happened.")
    var errorAfterRate = 0.0

    @Option(help: "The share of requests whose connection is closed without an answer, half of them after the effect.")
    var dropRate = 0.0

    @Option(help: "The share of idempotency keys whose card is declined.")
    var declineRate = 0.0

    @Option(help: "The share of the bank's statements that are refused with a 503.")
    var statementOutageRate = 0.0

    @Option(help: "A file to write the port to, once the port is open.")
    var portFile: String?

    var rates: Rates {
        Rates(
            errorBefore: errorBeforeRate,
            errorAfter: errorAfterRate,
            drop: dropRate,
            decline: declineRate,
            statementOutage: statementOutageRate,
            delayMilliseconds: delayMs
        )
    }

    func validate() throws {
        if let problem = rates.problem { throw ValidationError(problem) }
        guard (0...65_535).contains(port) else { throw ValidationError("a port is a number from 0 to 65535") }
    }

    /// Standard error, and nothing about single requests.
    private static func makeLogger() -> Logger {
        var logger = Logger(label: "sandbox", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = .notice
        return logger
    }

    func run() async throws {
        let logger = Self.makeLogger()
        let service = SandboxService(ledger: try Ledger(path: ledger), seed: seed, rates: rates)
        let portFile = self.portFile
        let app = Application(
            router: SandboxRoutes(service: service).router(),
            configuration: .init(address: .hostname("127.0.0.1", port: port), serverName: "sandbox"),
            onServerRunning: { channel in
                guard let port = channel.localAddress?.port else { return }
                do {
                    if let portFile {
                        try Data("\(port)\n".utf8).write(to: URL(fileURLWithPath: portFile), options: .atomic)
                    }
                    // Not print: its buffer would keep the line from whoever waits for it at the end of a pipe.
                    let line = "sandbox listening on http://127.0.0.1:\(port)\n"
                    try FileHandle.standardOutput.write(contentsOf: Data(line.utf8))
                } catch {
                    logger.error("cannot say which port is open", metadata: ["error": "\(error)"])
                }
            },
            logger: logger
        )
        try await app.runService()
    }
}
