/// How often what goes wrong. Each rate is a fraction from 0 to 1.
struct Rates: Codable, Sendable, Equatable {
    /// Answers 500, and nothing has happened.
    var errorBefore = 0.0
    /// Answers 500, and it has happened.
    var errorAfter = 0.0
    /// Closes the connection without an answer; it has happened in every other case.
    var drop = 0.0
    /// Declines the card, for good.
    var decline = 0.0
    /// Answers 503 to who asks the bank for a statement.
    var statementOutage = 0.0
    /// How long an effect takes, while its key, if any, is in use.
    var delayMilliseconds = 0

    enum CodingKeys: String, CodingKey {
        case errorBefore = "error_before_rate"
        case errorAfter = "error_after_rate"
        case drop = "drop_rate"
        case decline = "decline_rate"
        case statementOutage = "statement_outage_rate"
        case delayMilliseconds = "delay_ms"
    }

    /// What is wrong with these rates, if anything.
    var problem: String? {
        guard [errorBefore, errorAfter, drop, decline, statementOutage].allSatisfy((0...1).contains) else {
            return "a rate is a number from 0 to 1"
        }
        guard errorBefore + errorAfter + drop <= 1 else { return "the rates of errors and drops exceed 1 together" }
        guard (0...60_000).contains(delayMilliseconds) else { return "a delay is at most 60000 ms" }
        return nil
    }

    /// These rates, but for those that `change` names.
    func changed(by change: RateChange) -> Rates {
        Rates(
            errorBefore: change.errorBefore ?? errorBefore,
            errorAfter: change.errorAfter ?? errorAfter,
            drop: change.drop ?? drop,
            decline: change.decline ?? decline,
            statementOutage: change.statementOutage ?? statementOutage,
            delayMilliseconds: change.delayMilliseconds ?? delayMilliseconds
        )
    }
}

/// The rates to change, of those there are.
struct RateChange: Decodable {
    var errorBefore: Double?
    var errorAfter: Double?
    var drop: Double?
    var decline: Double?
    var statementOutage: Double?
    var delayMilliseconds: Int?

    typealias CodingKeys = Rates.CodingKeys
}
