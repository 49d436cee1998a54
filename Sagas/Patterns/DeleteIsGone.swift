import Foundation
import PostgresPQ
import Waymark

/// Delete is gone: what is asked for is absence, and "not there" says that it is so.
///
/// **Problem.** The mailbox is deleted and the answer is lost; the repeat is told 404. Taken for a failure, it is tried
/// until the key is parked, over something that has long been done.
///
/// **Pattern.** 404 and 410 are successes of a deletion. The id comes from our own row, so that a 404 cannot be a typing
/// error of the client; every other answer but success stays a failure.
///
/// **Use it when** things are deleted, revoked, cancelled or unsubscribed under an id that is never given out again. It is
/// the usual compensation of a creation, too.
///
/// **It fails when** names are reused: a late repeat deletes the next owner's thing. It fails when 404 has other meanings,
/// such as a wrong base address or a token that may not see the thing (many systems hide 403 behind 404); and when the
/// foreign system is slow to show what was created (it says 404 now, and has it later).
struct CloseAccount: Saga {
    static let name = "close-account"
    let mailboxes: any MailboxService

    static let schema = """
        CREATE SCHEMA IF NOT EXISTS patterns;
        CREATE TABLE IF NOT EXISTS patterns.accounts (
            id      uuid PRIMARY KEY,
            -- The mail service's id; never reused there.
            mailbox uuid NOT NULL,
            state   text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closing', 'closed'))
        );
        """

    var body: some Step<AccountClosure, ClosedAccount> {
        AtomicPhase("account_closing", beginClosing)
        ForeignCall("mailbox_deleted", .natural, deleteMailbox)
        AtomicPhase("account_closed", close)
    }

    func beginClosing(_ closure: AccountClosure, _ tx: Transaction) async throws -> ClosingAccount {
        let rows = try await tx.query(
            "UPDATE patterns.accounts SET state = 'closing' WHERE id = \(closure.account) RETURNING mailbox")
        guard let mailbox = try rows.decode(UUID.self).first else {
            throw Rejection(status: 404, type: "no_such_account", title: "There is no such account.")
        }
        return ClosingAccount(account: closure.account, mailbox: mailbox)
    }

    func deleteMailbox(_ closing: ClosingAccount, _ call: Call) async throws -> ClosingAccount {
        try await mailboxes.delete(closing.mailbox)
        return closing
    }

    func close(_ closing: ClosingAccount, _ tx: Transaction) async throws -> ClosedAccount {
        try await tx.execute("UPDATE patterns.accounts SET state = 'closed' WHERE id = \(closing.account)")
        return ClosedAccount(account: closing.account)
    }
}

/// Keeps mailboxes.
protocol MailboxService: Sendable {
    /// Sees to it that there is no such mailbox; one that is gone already is a success.
    func delete(_ mailbox: UUID) async throws
}

/// The request.
struct AccountClosure: Codable, Sendable {
    let account: UUID
}

/// An account that nobody can use any more, with what is left of it elsewhere.
struct ClosingAccount: Codable, Sendable {
    let account: UUID
    let mailbox: UUID
}

/// The response.
struct ClosedAccount: Codable, Sendable {
    let account: UUID
}
