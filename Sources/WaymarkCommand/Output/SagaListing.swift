import Waymark

/// A saga as `sagas list` and `sagas show` print it.
struct SagaListing: Encodable {
    struct Step: Encodable {
        let name: String
        let kind: String
        let takes: String
        let gives: String
        let timeoutSeconds: Double
        let attempts: Int
        let compensation: String?
    }

    let name: String
    let version: Int
    let request: String
    let response: String
    let recoveryPoints: [String]
    let steps: [Step]

    init(_ declaration: SagaDeclaration) {
        name = declaration.name
        version = declaration.version
        request = declaration.requestType
        response = declaration.responseType
        recoveryPoints = declaration.recoveryPoints
        steps = declaration.steps.map { step in
            Step(
                name: step.name, kind: "\(step.kind)", takes: step.inputType, gives: step.outputType,
                timeoutSeconds: step.timeout.inSeconds, attempts: step.retry.attempts,
                compensation: step.compensation.map { "\($0.kind)" })
        }
    }
}
