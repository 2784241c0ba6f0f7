#!/usr/bin/env python3
"""Makes the calls that the function's role is for, and others that it must be denied, on a MiniStack that enforces IAM (AUTH=true).

For each kind of agent the template is deployed, its role is assumed, and one line is printed for each call: rights.py PORT
"""

import json
import pathlib
import sys

import boto3  # MiniStack's folder has it: the SAM translator needs it.
from botocore.exceptions import ClientError

TEMPLATE = pathlib.Path(__file__).parents[2] / "template.yaml"
REGION, ACCOUNT = "eu-central-1", "000000000000"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:agent"
RUNTIME = f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:runtime/agent-AbCdEf1234"
BOT_ALIASES = f"arn:aws:lex:{REGION}:{ACCOUNT}:bot-alias/"
# AgentProtocol and AgentUrl; `http` stands for all agents that are not asked with the role.
AGENTS = {"http": "https://agent.example", "lambda": FUNCTION, "agentcore": f"{RUNTIME}?qualifier=live", "lex": "ABCDE12345/TSTALIASID"}
AGENT_CALLS = {
    "lambda": ("lambda", "invoke", {"FunctionName": FUNCTION}),
    "agentcore": ("bedrock-agentcore", "invoke_agent_runtime", {"agentRuntimeArn": RUNTIME, "qualifier": "live", "payload": b"{}"}),
}
EVERYBODY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}


def main():
    port = sys.argv[1]

    def client(service, keys=("test", "test", None)):
        names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
        return boto3.client(service, endpoint_url=f"http://127.0.0.1:{port}", region_name=REGION, **dict(zip(names, keys)))

    client("s3").create_bucket(Bucket="code", CreateBucketConfiguration={"LocationConstraint": REGION})
    client("s3").put_object(Bucket="code", Key="nothing.zip", Body=b"")
    results = []
    for protocol, url in AGENTS.items():
        stack = deploy(client, protocol, url)
        keys = assume(client, stack)
        allowed, denied = calls(stack)
        for kind, call in AGENT_CALLS.items():
            (allowed if kind == protocol else denied).append((f"the agent of {kind}", *call))
        for want, made in (("allowed", allowed), ("denied", denied)):
            for what, service, method, arguments in made:
                got = outcome(lambda: getattr(client(service, keys), method)(**arguments))
                results.append((want, got, f"{protocol}: {service} {method}, {what}"))
        # MiniStack has no Lex to ask, so it is asked what the policy says.
        for alias in (AGENTS["lex"], "ABCDE12345/OTHERALIAS"):
            got = simulated(client("iam"), stack["role"], "lex:RecognizeText", BOT_ALIASES + alias)
            results.append(("allowed" if alias == url else "denied", got, f"{protocol}: lex recognize_text, {alias}"))
    for want, got, what in results:
        print("ok" if got == want else "NO", f"{got:8}", what)
    wrong = sum(got != want for want, got, _ in results)
    if wrong:
        sys.exit(f"{wrong} of {len(results)} calls did not end as they should")


def deploy(client, protocol, url):
    """The stack's resources by their names in the template, and beside them a queue, a table and a secret that are not the stack's."""
    parameters = {"AgentProtocol": protocol, "AgentUrl": url, "AgentLocale": "de-DE"}
    cloudformation = client("cloudformation")
    cloudformation.create_stack(
        StackName=protocol,
        TemplateBody=TEMPLATE.read_text().replace("CodeUri: .", "CodeUri: s3://code/nothing.zip"),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName=protocol, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    resources = cloudformation.describe_stack_resources(StackName=protocol)["StackResources"]
    stack = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}
    stack["role"] = client("iam").get_role(RoleName=stack["FunctionRole"])["Role"]["Arn"]
    stack["secret"] = client("secretsmanager").describe_secret(SecretId=stack["Secret"])["ARN"]
    stack["other queue"] = client("sqs").create_queue(QueueName=f"{protocol}-other.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    stack["other secret"] = client("secretsmanager").create_secret(Name=f"{protocol}-other", SecretString="{}")["ARN"]
    return stack


def assume(client, stack):
    """The keys of a session with the role, whose policy is reworded where MiniStack reads one otherwise than AWS, and only there."""
    iam, role = client("iam"), stack["FunctionRole"]
    assert not iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"], "a policy that is not the template's"
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        policy = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for statement in policy["Statement"]:
            actions, resource = statement["Action"], statement["Resource"]
            actions = [actions] if isinstance(actions, str) else actions
            # On AWS a batch needs the permission of the single call; MiniStack asks for one of the batch's own name.
            batches = ("SendMessage", "DeleteMessage", "ChangeMessageVisibility")
            statement["Action"] = actions + [f"sqs:{batch}Batch" for batch in batches if f"sqs:{batch}" in actions]
            # On AWS a reference to a secret is its ARN, here its name.
            resource = stack["secret"] if resource == stack["Secret"] else resource
            # On AWS a stream is a resource below its group; here it is the group itself.
            statement["Resource"] = resource.removesuffix(":*") if ":log-group:" in resource else resource
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policy))
    # Only Lambda may assume the role as it is.
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(EVERYBODY))
    keys = client("sts").assume_role(RoleArn=stack["role"], RoleSessionName="rights")["Credentials"]
    return keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]


def calls(stack):
    """What is done with every kind of agent, and what never is: what it is for or aimed at, the service, the call and its arguments."""
    table, group, access = stack["Table"], stack["LogGroup"], stack["AccessLogGroup"]
    queue, dead_letters, other_queue = ({"QueueUrl": stack[name]} for name in ("Queue", "DeadLetterQueue", "other queue"))
    secret, other_secret = ({"SecretId": stack[name]} for name in ("secret", "other secret"))
    key = {"pk": {"S": "1"}}
    update = {"Key": key, "UpdateExpression": "SET a = :a", "ExpressionAttributeValues": {":a": {"S": "1"}}}
    condition = {"KeyConditionExpression": "pk = :a", "ExpressionAttributeValues": {":a": {"S": "1"}}}
    record = {"MessageBody": "{}", "MessageGroupId": "1", "MessageDeduplicationId": "1"}
    visibility = {"ReceiptHandle": "1", "VisibilityTimeout": 1}
    stream = {"logStreamName": "1"}
    line = {**stream, "logEvents": [{"timestamp": 1, "message": "1"}]}
    allowed = [
        ("claim, save", "dynamodb", "update_item", {"TableName": table, **update}),
        ("read", "dynamodb", "get_item", {"TableName": table, "Key": key, "ConsistentRead": True}),
        ("jobs", "sqs", "send_message_batch", {**queue, "Entries": [{"Id": "1", **record}]}),
        ("postpone", "sqs", "change_message_visibility_batch", {**queue, "Entries": [{"Id": "1", **visibility}]}),
        ("a letter", "sqs", "send_message", {**dead_letters, **record}),
        ("credentials", "secretsmanager", "get_secret_value", secret),
        ("event source", "sqs", "receive_message", queue),
        ("event source", "sqs", "delete_message_batch", {**queue, "Entries": [{"Id": "1", "ReceiptHandle": "1"}]}),
        ("event source", "sqs", "get_queue_attributes", {**queue, "AttributeNames": ["All"]}),
        ("Lambda's log", "logs", "create_log_stream", {"logGroupName": group, **stream}),
        ("Lambda's log", "logs", "put_log_events", {"logGroupName": group, **line}),
    ]
    denied = [
        ("its table", "dynamodb", "put_item", {"TableName": table, "Item": key}),
        ("its table", "dynamodb", "delete_item", {"TableName": table, "Key": key}),
        ("its table", "dynamodb", "scan", {"TableName": table}),
        ("its table", "dynamodb", "query", {"TableName": table, **condition}),
        ("its table", "dynamodb", "batch_get_item", {"RequestItems": {table: {"Keys": [key]}}}),
        ("its table", "dynamodb", "batch_write_item", {"RequestItems": {table: [{"DeleteRequest": {"Key": key}}]}}),
        ("its table", "dynamodb", "delete_table", {"TableName": table}),
        ("another table", "dynamodb", "get_item", {"TableName": "other", "Key": key}),
        ("another table", "dynamodb", "update_item", {"TableName": "other", **update}),
        ("all tables", "dynamodb", "list_tables", {}),
        ("its queue", "sqs", "purge_queue", queue),
        ("its queue", "sqs", "delete_queue", queue),
        ("its queue", "sqs", "set_queue_attributes", {**queue, "Attributes": {"VisibilityTimeout": "1"}}),
        ("the letters", "sqs", "receive_message", dead_letters),
        ("the letters", "sqs", "delete_message", {**dead_letters, "ReceiptHandle": "1"}),
        ("the letters", "sqs", "change_message_visibility", {**dead_letters, **visibility}),
        ("the letters", "sqs", "purge_queue", dead_letters),
        ("another queue", "sqs", "send_message", {**other_queue, **record}),
        ("another queue", "sqs", "receive_message", other_queue),
        ("all queues", "sqs", "list_queues", {}),
        ("its secret", "secretsmanager", "put_secret_value", {**secret, "SecretString": "{}"}),
        ("its secret", "secretsmanager", "describe_secret", secret),
        ("its secret", "secretsmanager", "delete_secret", secret),
        ("another secret", "secretsmanager", "get_secret_value", other_secret),
        ("all secrets", "secretsmanager", "list_secrets", {}),
        ("a new log", "logs", "create_log_group", {"logGroupName": "other"}),
        ("its log", "logs", "delete_log_group", {"logGroupName": group}),
        ("its log", "logs", "put_retention_policy", {"logGroupName": group, "retentionInDays": 1}),
        ("its log", "logs", "get_log_events", {"logGroupName": group, **stream}),
        ("the access log", "logs", "create_log_stream", {"logGroupName": access, **stream}),
        ("the access log", "logs", "put_log_events", {"logGroupName": access, **line}),
        ("itself", "lambda", "invoke", {"FunctionName": stack["Function"]}),
        ("itself", "lambda", "update_function_configuration", {"FunctionName": stack["Function"], "Timeout": 1}),
        ("another function", "lambda", "invoke", {"FunctionName": FUNCTION + "-2"}),
        ("another runtime", "bedrock-agentcore", "invoke_agent_runtime", {"agentRuntimeArn": RUNTIME[:-1], "payload": b"{}"}),
        ("its role", "iam", "delete_role_policy", {"RoleName": stack["FunctionRole"], "PolicyName": "endpoint"}),
        ("all roles", "iam", "list_roles", {}),
        ("all buckets", "s3", "list_buckets", {}),
    ]
    return allowed, denied


def outcome(call):
    try:
        call()
    except ClientError as error:
        code = error.response["Error"]["Code"]
        # Whoever is told that a thing or a receipt is not there was allowed to ask for it.
        return "denied" if code.startswith("AccessDenied") else "allowed" if code == "ResourceNotFoundException" else code
    return "allowed"


def simulated(iam, role, action, resource):
    answer = iam.simulate_principal_policy(PolicySourceArn=role, ActionNames=[action], ResourceArns=[resource])
    return "allowed" if answer["EvaluationResults"][0]["EvalDecision"] == "allowed" else "denied"


if __name__ == "__main__":
    main()
