import PostgresPQ

extension RetryPolicy {
    /// Whether another attempt at a phase may mend an error.
    ///
    /// It does not mend a violated constraint, a statement or a value that the database refuses, a job or a request over its
    /// limit, and a key that another request has. Everything else may pass. Steps without an `if:` of their own go by this.
    public static func mayMend(_ error: any Error) -> Bool { ParkedReason(lasting: error) == nil }
}

extension ParkedReason {
    /// Why a phase that threw `error` parks without another attempt; nil where another attempt may mend it.
    package init?(lasting error: any Error) {
        switch error {
        case let error as PostgresTransactionError: self.init(lasting: error.error)
        case let error as PostgresError where error.isConstraintViolation: self = .constraintViolated
        case let error as PostgresError where error.isLasting: self = .lastingError
        case let error as WaymarkError: self.init(lasting: error.code)
        case is EncodingError, is UnstorableOutput: self = .unstorableOutput
        case is DecodingError: self = .lastingError
        default: return nil
        }
    }

    private init?(lasting code: WaymarkError.Code) {
        switch code {
        case .tooLarge, .invalidJSON: self = .unstorableOutput
        case .keyTaken, .invalidKey, .invalidScope, .invalidField: self = .lastingError
        default: return nil
        }
    }
}
