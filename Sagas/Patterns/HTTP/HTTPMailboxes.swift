import Foundation
import NIOHTTP1

/// Mailboxes at `/mailboxes/{id}`.
struct HTTPMailboxes: MailboxService {
    let service: HTTPService

    func delete(_ mailbox: UUID) async throws {
        let answer = try await service.send(.DELETE, "mailboxes/\(mailbox)")
        if answer.status == 404 || answer.status == 410 { return }
        try answer.check()
    }
}
