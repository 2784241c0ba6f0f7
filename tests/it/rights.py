#!/usr/bin/env python3
"""Makes the calls that the function's role is for, and others that it must be denied, on a MiniStack that enforces IAM (AUTH=true).

For each kind of agent the template is deployed, its role is assumed, and one line is printed for each call: rights.py PORT. The same is
done with the role that the documentation shows for those who deploy without the template.
"""

import json
import pathlib
import sys

import boto3  # MiniStack's folder has it: the SAM translator needs it.
from botocore.exceptions import ClientError

TEMPLATE = pathlib.Path(__file__).parents[2] / "template.yaml"
SETUP = pathlib.Path(__file__).parents[2] / "docs/setup.md"
# The name of everything in the documentation for those who deploy without the template.
PLAIN = "whatsapp-endpoint"
REGION, ACCOUNT = "eu-central-1", "000000000000"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:agent"
RUNTIME = f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:runtime/agent-AbCdEf1234"
BOT = "ABCDE12345/TSTALIASID"
BOT_ALIASES = f"arn:aws:lex:{REGION}:{ACCOUNT}:bot-alias/"
INVOKE, INVOKE_ALIAS = (("lambda:InvokeFunction", arn) for arn in (FUNCTION, f"{FUNCTION}:live"))
ASK_RUNTIME = ("bedrock-agentcore:InvokeAgentRuntime", f"{RUNTIME}/runtime-endpoint/live")
RECOGNIZE, RECOGNIZE_OTHER = (("lex:RecognizeText", BOT_ALIASES + alias) for alias in (BOT, "ABCDE12345/OTHERALIAS"))
PERMISSIONS = [INVOKE, INVOKE_ALIAS, ASK_RUNTIME, RECOGNIZE, RECOGNIZE_OTHER]
# For each stack its AgentProtocol and AgentUrl, and what its role may ask; `http` stands for all agents that are not asked with the role.
AGENTS = {
    "http": ("http", "https://agent.example", None),
    "lambda": ("lambda", FUNCTION, INVOKE),
    "lambda-name": ("lambda", "agent", INVOKE),
    "lambda-alias": ("lambda", "agent:live", INVOKE_ALIAS),
    "agentcore": ("agentcore", f"{RUNTIME}?qualifier=live", ASK_RUNTIME),
    "lex": ("lex", BOT, RECOGNIZE),
}
AGENT_CALLS = [
    (INVOKE, "lambda", "invoke", {"FunctionName": FUNCTION}),
    (ASK_RUNTIME, "bedrock-agentcore", "invoke_agent_runtime", {"agentRuntimeArn": RUNTIME, "qualifier": "live", "payload": b"{}"}),
]
EVERYBODY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}


def main():
    port = sys.argv[1]

    def client(service, keys=("test", "test", None)):
        names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
        return boto3.client(service, endpoint_url=f"http://127.0.0.1:{port}", region_name=REGION, **dict(zip(names, keys)))

    client("s3").create_bucket(Bucket="code", CreateBucketConfiguration={"LocationConstraint": REGION})
    client("s3").put_object(Bucket="code", Key="nothing.zip", Body=b"")
    results = []
    for name, (protocol, url, permission) in AGENTS.items():
        stack = deploy(client, name, protocol, url)
        keys = assume(client, stack["FunctionRole"], stack["Secret"], stack["secret"])
        allowed, denied = calls(stack)
        for asked, *call in AGENT_CALLS:
            (allowed if asked == permission else denied).append(("an agent", *call))
        results += made(lambda service: client(service, keys), name, allowed, denied)
        # MiniStack has no Lex to ask and knows no aliases of functions, so it is also asked what the policy says.
        for asked in PERMISSIONS:
            got = simulated(client("iam"), stack["role"], *asked)
            results.append(("allowed" if asked == permission else "denied", got, f"{name}: {' '.join(asked)}"))
    keys = assume(client, *without_template(client))
    results += made(lambda service: client(service, keys), "without the template", *calls_without_template())
    for want, got, what in results:
        print("ok" if got == want else "NO", f"{got:8}", what)
    wrong = sum(got != want for want, got, _ in results)
    if wrong:
        sys.exit(f"{wrong} of {len(results)} calls did not end as they should")


def deploy(client, name, protocol, url):
    """The stack's resources by their names in the template, and beside them a queue, a table and a secret that are not the stack's."""
    parameters = {"AgentProtocol": protocol, "AgentUrl": url, "AgentLocale": "de-DE"}
    cloudformation = client("cloudformation")
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=TEMPLATE.read_text().replace("CodeUri: .", "CodeUri: s3://code/nothing.zip").replace("ContentUri: config/", "ContentUri: s3://code/nothing.zip"),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    resources = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    stack = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}
    stack["role"] = client("iam").get_role(RoleName=stack["FunctionRole"])["Role"]["Arn"]
    stack["secret"] = client("secretsmanager").describe_secret(SecretId=stack["Secret"])["ARN"]
    stack["other queue"] = client("sqs").create_queue(QueueName=f"{name}-other.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    stack["other secret"] = client("secretsmanager").create_secret(Name=f"{name}-other", SecretString="{}")["ARN"]
    return stack


def without_template(client):
    """Makes the role of the documentation, and the table and the secret that it names; returns the role, and the secret twice."""
    policy = SETUP.read_text().split("\n## Without SAM\n")[1].split("```json\n")[1].split("```")[0].replace("123456789012", ACCOUNT)
    name, iam = PLAIN, client("iam")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(EVERYBODY))
    iam.put_role_policy(RoleName=name, PolicyName=name, PolicyDocument=policy)
    key = {"AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}], "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]}
    client("dynamodb").create_table(TableName=name, BillingMode="PAY_PER_REQUEST", **key)
    arn = client("secretsmanager").create_secret(Name=name, SecretString="{}")["ARN"]
    return name, arn, arn


def assume(client, role, secret, secret_arn):
    """The keys of a session with the role, whose policy is reworded where MiniStack reads one otherwise than AWS, and only there."""
    iam = client("iam")
    assert not iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"], "a policy of somebody else"
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        policy = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for statement in policy["Statement"]:
            actions, resources = (
                [listed] if isinstance(listed, str) else listed for listed in (statement["Action"], statement["Resource"])
            )
            # On AWS a batch needs the permission of the single call; MiniStack asks for one of the batch's own name.
            batches = ("SendMessage", "DeleteMessage", "ChangeMessageVisibility")
            statement["Action"] = actions + [f"sqs:{batch}Batch" for batch in batches if f"sqs:{batch}" in actions]
            # On AWS a reference to a secret is its ARN, here its name.
            resources = [secret_arn if resource == secret else resource for resource in resources]
            # On AWS a stream is a resource below its group; here it is the group itself.
            statement["Resource"] = [resource.removesuffix(":*") if ":log-group:" in resource else resource for resource in resources]
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policy))
    # Only Lambda may assume the role as it is.
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(EVERYBODY))
    arn = iam.get_role(RoleName=role)["Role"]["Arn"]
    keys = client("sts").assume_role(RoleArn=arn, RoleSessionName="rights")["Credentials"]
    return keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]


def made(client, name, allowed, denied):
    """Makes the calls; returns for each what it should have ended with, what it did, and which it was."""
    results = []
    for want, asked in (("allowed", allowed), ("denied", denied)):
        for what, service, method, arguments in asked:
            got = outcome(lambda: getattr(client(service), method)(**arguments))
            results.append((want, got, f"{name}: {service} {method}, {what}"))
    return results


def calls_without_template():
    """As below, of a function that has no queue, and whose log Lambda makes."""
    table, group, key = PLAIN, f"/aws/lambda/{PLAIN}", {"pk": {"S": "1"}}
    update = {"Key": key, "UpdateExpression": "SET a = :a", "ExpressionAttributeValues": {":a": {"S": "1"}}}
    lines = {"logStreamName": "1", "logEvents": [{"timestamp": 1, "message": "1"}]}
    allowed = [
        ("claim, save", "dynamodb", "update_item", {"TableName": table, **update}),
        ("read", "dynamodb", "get_item", {"TableName": table, "Key": key, "ConsistentRead": True}),
        ("credentials", "secretsmanager", "get_secret_value", {"SecretId": PLAIN}),
        ("Lambda's log", "logs", "create_log_group", {"logGroupName": group}),
        ("Lambda's log", "logs", "create_log_stream", {"logGroupName": group, "logStreamName": "1"}),
        ("Lambda's log", "logs", "put_log_events", {"logGroupName": group, **lines}),
    ]
    denied = [
        ("its table", "dynamodb", "put_item", {"TableName": table, "Item": key}),
        ("its table", "dynamodb", "scan", {"TableName": table}),
        ("another table", "dynamodb", "get_item", {"TableName": "other", "Key": key}),
        ("its secret", "secretsmanager", "put_secret_value", {"SecretId": PLAIN, "SecretString": "{}"}),
        ("another secret", "secretsmanager", "get_secret_value", {"SecretId": "http-other"}),
        ("a new log", "logs", "create_log_group", {"logGroupName": f"{group}-2"}),
        ("its log", "logs", "put_retention_policy", {"logGroupName": group, "retentionInDays": 1}),
        ("its log", "logs", "get_log_events", {"logGroupName": group, "logStreamName": "1"}),
        ("all queues", "sqs", "list_queues", {}),
        ("another function", "lambda", "invoke", {"FunctionName": FUNCTION}),
    ]
    return allowed, denied


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
