import CLibPQ
import Logging

/// Takes the server's notices of one connection: what libpq would otherwise print to standard error.
// Safe to share: libpq calls it where the connection is used: first on the queue that it is made on, then, handed over
// through a continuation, in the turn of its event loop.
final class NoticeSink: @unchecked Sendable {
    private let logger: Logger
    /// What an idle connection was told before the server closed it, such as 57P01.
    private(set) var farewell: PostgresError?

    init(logger: Logger) {
        self.logger = logger
    }

    /// Makes libpq deliver the notices of `connection` here. The sink must outlive the connection.
    func attach(to connection: OpaquePointer) {
        let receiver: PQnoticeReceiver = { context, result in
            guard let context, let result else { return }
            Unmanaged<NoticeSink>.fromOpaque(context).takeUnretainedValue().receive(result)
        }
        _ = PQsetNoticeReceiver(connection, receiver, Unmanaged.passUnretained(self).toOpaque())
    }

    private func receive(_ result: OpaquePointer) {
        let notice = PostgresError(result: result, sql: nil)
        if notice.code == .connectionLost { farewell = notice }
        logger.debug(
            "PostgreSQL sent a notice",
            metadata: ["message": "\(notice.message)", "sql-state": "\(notice.sqlState?.rawValue ?? "")"])
    }
}
